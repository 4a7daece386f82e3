//! What the build script embeds: templates and WIT packages, each with its name. Not here: what is done with them.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
