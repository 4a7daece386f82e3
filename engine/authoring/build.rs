//! Writes the table of what is embedded: the templates of `sdk/LANGUAGE/KIND`, and the WIT packages of `wit/`. Nothing is decided
//! here about what is done with them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[allow(clippy::print_stdout, reason = "a build script talks to cargo on stdout")]
fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut table = String::from("pub(crate) const TEMPLATES: &[(&str, &str, &[u8])] = &[\n");
    for language in folders(&root.join("sdk"))? {
        println!("cargo::rerun-if-changed={}", language.display());
        for kind in folders(&language)? {
            let which = format!("{}/{}", name(&language), name(&kind));
            if which.ends_with("/function") || which.ends_with("/command") {
                files(&kind, &kind, &which, &mut table)?;
            }
        }
    }
    println!("cargo::rerun-if-changed={}", root.join("sdk").display());
    println!("cargo::rerun-if-changed={}", root.join("wit").display());
    table.push_str("];\npub(crate) const WIT: &[(&str, &str)] = &[\n");
    let mut step = String::from("concat!(");
    for file in entries(&root.join("wit"))?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "wit"))
    {
        write!(step, "include_str!({file:?}), \"\\n\", ").expect("a String takes it");
    }
    step.push(')');
    // The package's own line has to stand first.
    let world = root.join("wit/world.wit");
    let rest = step.replace(&format!("include_str!({world:?}), \"\\n\", "), "");
    let step = rest.replacen("concat!(", &format!("concat!(include_str!({world:?}), \"\\n\", "), 1);
    writeln!(table, "(\"airtight-step\", {step}),").expect("a String takes it");
    for file in entries(&root.join("wit/deps"))? {
        if file.extension().is_some_and(|extension| extension == "wit") {
            let name = format!("wasi-{}", file.file_stem().unwrap_or_default().to_string_lossy());
            writeln!(table, "({name:?}, include_str!({file:?})),").expect("a String takes it");
        }
    }
    table.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    std::fs::write(out.join("embedded.rs"), table)
}

/// What a folder holds, sorted by name.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn files(root: &Path, folder: &Path, which: &str, table: &mut String) -> std::io::Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            // What a build in the template's own folder leaves is none of it.
            if !["build", "node_modules", "target", ".venv", "__pycache__"].contains(&name(&path).as_str()) {
                files(root, &path, which, table)?;
            }
            continue;
        }
        let inside = path
            .strip_prefix(root)
            .expect("it was found below it")
            .to_string_lossy()
            .into_owned();
        writeln!(table, "({which:?}, {inside:?}, include_bytes!({path:?})),").expect("a String takes it");
    }
    Ok(())
}
