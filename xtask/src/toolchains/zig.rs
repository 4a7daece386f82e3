//! Zig, which is also a C and C++ compiler with a C library for WASI: from its Python package.

use std::path::Path;

use super::{Kind, pip, says, wrapper};
use crate::Result;

/// Zig's standard library changes with every release, and so must the template.
const VERSION: &str = "0.17.1";

pub(super) const KIND: Kind = Kind {
    name: "zig",
    recipe: || format!("ziglang {VERSION}"),
    found: || says("zig", &["version"]).is_some_and(|version| version.trim() == VERSION),
    install,
    path: &["bin"],
};

fn install(folder: &Path) -> Result<()> {
    pip::install(&folder.join("package"), &[&format!("ziglang=={VERSION}")])?;
    // Zig compiles its C library once a cache, which takes a minute: tests with homes of their own share one.
    let cache = folder.join("cache");
    let variables = [("ZIG_GLOBAL_CACHE_DIR", cache.as_path())];
    wrapper(
        &folder.join("bin/zig"),
        &variables,
        &folder.join("package/ziglang/zig"),
        &[],
    )
}
