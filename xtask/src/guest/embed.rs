//! Puts the standard components into the binary, from its build script: builds them, copies them to `OUT_DIR`, and writes the table
//! that the command line includes. The row's type is the command line's; this module only spells its fields.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Error, Toolchain, build, repository, target_folder};

/// The standard components, `std/NAME` in a pipeline file, each the crate `plugins/NAME`.
pub const STANDARD: [&str; 5] = ["archive", "fetch", "sbom", "secret-scan", "site"];

/// How every component begins: WebAssembly's magic number, then the layer and version of the component model.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Writes `std.rs` and the components into `out`, and tells cargo what they were made from.
///
/// `std.rs` holds `pub(crate) const STD: &[StdComponent]`, whose rows have `name: &str`, `digest: [u8; 32]` (BLAKE3 of the bytes) and
/// `wasm: &[u8]`. `AIRTIGHT_PREBUILT_STD` names a folder with `NAME.wasm` files to take instead of building.
///
/// # Errors
///
/// Fails when the components cannot be built or read, or are not components.
#[allow(clippy::print_stdout, reason = "a build script talks to cargo on stdout")]
pub fn embed_standard_components(out: &Path) -> Result<(), Error> {
    for path in inputs() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    for variable in [
        "AIRTIGHT_PREBUILT_STD",
        "AIRTIGHT_GUEST_TOOLCHAIN",
        "AIRTIGHT_GUEST_RUSTC",
    ] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let files = match std::env::var_os("AIRTIGHT_PREBUILT_STD") {
        Some(folder) => STANDARD
            .map(|name| Path::new(&folder).join(format!("{name}.wasm")))
            .to_vec(),
        None => built(out)?,
    };
    let mut table = String::from("pub(crate) const STD: &[StdComponent] = &[\n");
    for (name, file) in STANDARD.iter().zip(files) {
        let wasm = std::fs::read(&file).map_err(Error::io("read", &file))?;
        if !wasm.starts_with(COMPONENT) {
            return Err(Error::Program {
                program: file.display().to_string(),
                how: "is not a component".to_owned(),
            });
        }
        write_if_changed(&out.join(format!("{name}.wasm")), &wasm)?;
        let digest = blake3::hash(&wasm);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "    StdComponent {{ name: {name:?}, digest: {:?}, wasm: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")) }},",
            digest.as_bytes()
        );
    }
    table.push_str("];\n");
    write_if_changed(&out.join("std.rs"), table.as_bytes())
}

fn built(out: &Path) -> Result<Vec<PathBuf>, Error> {
    let target = target_folder(out);
    let toolchain = Toolchain::ensure(&target)?;
    let built = build(&toolchain, &repository().join("plugins"), &target, &STANDARD)?;
    STANDARD
        .iter()
        .map(|name| built.path(name).map(Path::to_owned))
        .collect()
}

/// What the standard components are made from. Not the folder `plugins` itself: a build in there would count as a change.
fn inputs() -> Vec<PathBuf> {
    let plugins = repository().join("plugins");
    let mut inputs = vec![
        repository().join("wit"),
        repository().join("sdk/rust/macros"),
        plugins.join("Cargo.toml"),
        plugins.join("Cargo.lock"),
    ];
    inputs.extend(STANDARD.iter().map(|name| plugins.join(name)));
    inputs
}

/// Leaves a file alone that is right already, so that what includes it is not compiled again.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    std::fs::write(path, bytes).map_err(Error::io("write", path))
}
