//! What steps in JavaScript and TypeScript are built with: packages of npm, on the machine's own Node.js. What is pinned stands in `node/`.
//! Not here: Node.js itself.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Kind, says};
use crate::Result;
use crate::project::succeed;

/// The packages and their versions.
const PACKAGE: &str = include_str!("node/package.json");
/// All that they need, with digests and without addresses: npm knows its registry.
const LOCK: &str = include_str!("node/package-lock.json");
/// The least Node.js that componentize-js runs on.
const LEAST: u32 = 20;

pub(super) const KIND: Kind = Kind {
    name: "node",
    recipe: || format!("{PACKAGE}{LOCK}"),
    // A machine's own are of the versions of some project.
    found: || false,
    install,
    path: &["node_modules/.bin"],
};

fn install(folder: &Path) -> Result<()> {
    let version = says("node", &["--version"]).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next();
    if major
        .and_then(|major| major.parse::<u32>().ok())
        .is_none_or(|major| major < LEAST)
    {
        let found = if version.is_empty() {
            "there is none"
        } else {
            version.trim()
        };
        return Err(format!(
            "Node.js {LEAST} or newer has to be there: {found}\nhelp: install it with npm, on Debian 13 with `apt-get install nodejs npm`"
        )
        .into());
    }
    std::fs::write(folder.join("package.json"), PACKAGE)?;
    std::fs::write(folder.join("package-lock.json"), LOCK)?;
    let mut npm = Command::new("npm");
    // Not `npm ci`: for some machines there is no build of an optional package, and `ci` takes a lock without one for a broken one.
    npm.args([
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ])
    .current_dir(folder)
    .stdin(Stdio::null())
    .stdout(Stdio::from(std::io::stderr()));
    succeed(&mut npm)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests have to build templates with what the templates tell people to install.
    #[test]
    fn templates_and_tests_have_the_same_packages() {
        let pins = |text: &str| -> Vec<(String, String)> {
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            ["dependencies", "devDependencies"]
                .iter()
                .filter_map(|key| json.get(*key)?.as_object())
                .flatten()
                .map(|(name, version)| (name.clone(), version.as_str().unwrap().to_owned()))
                .collect()
        };
        let ours = pins(PACKAGE);
        for template in [
            "javascript/function",
            "javascript/command",
            "typescript/function",
            "typescript/command",
        ] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../sdk")
                .join(template)
                .join("package.json.in");
            let theirs = pins(&std::fs::read_to_string(file).unwrap());
            assert!(!theirs.is_empty(), "{template}");
            for pin in theirs {
                assert!(ours.contains(&pin), "{template}: {pin:?}");
            }
        }
    }

    /// A lock with addresses would ask one registry whatever npm was told.
    #[test]
    fn the_lock_has_digests_and_no_addresses() {
        assert!(LOCK.contains("\"integrity\": \"sha512-"));
        assert!(!LOCK.contains("\"resolved\""));
    }
}
