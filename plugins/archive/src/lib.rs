//! The standard component `std/archive`: packs folders into archives that are the same bytes on every machine, and
//! unpacks archives that nobody trusts. The contract is `wit/world.wit`; [`pack`](mod@pack) and [`unpack`](mod@unpack)
//! are the two functions, over the [`Host`] that the glue to the component model provides. It is deliberately not a
//! general archiver: it keeps no owners, times or modes but one executable bit.

#[cfg(target_arch = "wasm32")]
mod component;
mod compress;
mod error;
mod format;
mod glob;
mod host;
mod name;
pub mod pack;
mod tar_read;
mod tar_write;
mod target;
#[cfg(test)]
mod testing;
mod tree;
pub mod unpack;
mod zip_read;
mod zip_write;

pub use error::Error;
pub use format::Format;
pub use host::{Host, Level};
pub use pack::{PackOptions, Packed, pack};
pub use unpack::{Limits, UnpackOptions, Unpacked, unpack};
