//! Go's own compiler: from Debian's packages, of a newer Debian than the machine's if need be. Its programs need nothing of the system.

use std::path::Path;

use super::{Kind, debian, says, wrapper};
use crate::Result;

/// The release; Debian has its newest correction only.
const RELEASE: &str = "1.27";
/// The Debian that has it.
const SUITE: &str = "forky";

pub(super) const KIND: Kind = Kind {
    name: "go",
    recipe: || format!("golang-{RELEASE} of {SUITE}"),
    found: || {
        let release = format!("go version go{RELEASE}");
        says("go", &["version"]).is_some_and(|text| text.starts_with(&release))
    },
    install,
    path: &["bin"],
};

fn install(folder: &Path) -> Result<()> {
    let [compiler, sources] = [format!("golang-{RELEASE}-go"), format!("golang-{RELEASE}-src")];
    debian::unpack(folder, SUITE, &[&compiler, &sources])?;
    let root = folder.join(format!("usr/lib/go-{RELEASE}"));
    // Without GOTOOLCHAIN a project that asks for a newer Go would make it download one. Tests with homes of their own share the cache.
    let cache = folder.join("cache");
    let variables = [
        ("GOROOT", root.as_path()),
        ("GOTOOLCHAIN", Path::new("local")),
        ("GOCACHE", &cache),
    ];
    wrapper(&folder.join("bin/go"), &variables, &root.join("bin/go"), &[])
}
