//! Runs cargo over a workspace of guests. The bytes of a guest depend on its sources, its lock file and the toolchain, not on the
//! folder, the user or the outer build. Not here: finding the toolchain, and what becomes of the guests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::environment::scrubbed;
use super::{Error, TARGETS, Toolchain, repository};

/// A built guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The name of the library or program, with dashes: `secret-scan`.
    pub name: String,
    /// Which of [`TARGETS`] it was built for: a component for `wasm32-wasip2`, a core module for `wasm32-wasip1`.
    pub target: &'static str,
    /// The file, inside the target folder.
    pub wasm: PathBuf,
}

/// What a build of a workspace of guests made.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// All guests, by name and target.
    pub guests: Vec<Guest>,
}

impl Built {
    /// Returns the file of the guest `name`, whatever its target.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] when the workspace has no such guest.
    pub fn path(&self, name: &str) -> Result<&Path, Error> {
        let guest = self.guests.iter().find(|guest| guest.name == name);
        guest.map(|guest| guest.wasm.as_path()).ok_or_else(|| Error::Missing {
            name: name.to_owned(),
            place: PathBuf::from("the workspace of guests"),
        })
    }
}

/// Builds `packages` (all, if none are named) of the workspace in `workspace`, in release mode and by its lock file, under
/// `target/guests`.
///
/// A package is built for wasm32-wasip2, or for the targets that its `[package.metadata.airtight]` names.
///
/// # Errors
///
/// Fails when a manifest cannot be read, a guest does not compile or the lock file is not up to date; cargo's own
/// messages go to stderr.
pub fn build(toolchain: &Toolchain, workspace: &Path, target: &Path, packages: &[&str]) -> Result<Built, Error> {
    let members: Vec<Member> = members(workspace)?
        .into_iter()
        .filter(|member| packages.is_empty() || packages.contains(&member.name.as_str()))
        .collect();
    if let Some(name) = packages
        .iter()
        .find(|name| !members.iter().any(|member| member.name == **name))
    {
        return Err(Error::Missing {
            name: (*name).to_owned(),
            place: workspace.to_owned(),
        });
    }
    let mut built = Built::default();
    for triple in TARGETS {
        let wanted: Vec<&Member> = members
            .iter()
            .filter(|member| member.targets.contains(&triple))
            .collect();
        if !wanted.is_empty() {
            built
                .guests
                .extend(build_for(toolchain, workspace, target, triple, &wanted)?);
        }
    }
    built
        .guests
        .sort_by(|a, b| (&a.name, a.target).cmp(&(&b.name, b.target)));
    Ok(built)
}

fn build_for(
    toolchain: &Toolchain,
    workspace: &Path,
    target: &Path,
    triple: &'static str,
    members: &[&Member],
) -> Result<Vec<Guest>, Error> {
    // A target folder of its own: the outer cargo holds the lock of the one around it until we are done.
    let folder = target.join("guests");
    let mut command = scrubbed(&toolchain.cargo);
    command
        .current_dir(workspace)
        .args(["build", "--release", "--locked", "--target", triple]);
    command.arg("--message-format=json-render-diagnostics");
    for member in members {
        command.args(["--package", &member.name]);
    }
    command.env("RUSTC", &toolchain.rustc).env("CARGO_TARGET_DIR", &folder);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain, &folder));
    let failed = |how: String| Error::Program {
        program: format!("cargo build --target {triple}"),
        how,
    };
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| failed(format!("could not be started: {cause}")))?;
    if !output.status.success() {
        return Err(failed(format!(
            "failed in `{}` ({})",
            workspace.display(),
            output.status
        )));
    }
    Ok(artifacts(&String::from_utf8_lossy(&output.stdout), triple))
}

/// Compiler flags that keep this machine's folders out of the guests. The last prefix that fits wins, so inner folders come last.
fn flags(toolchain: &Toolchain, target: &Path) -> OsString {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let mut lines = toolchain.version.lines();
    let commit = lines
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .unwrap_or("unknown");
    let mut flags = OsString::new();
    for (from, to) in [
        (home.join("registry/src"), "/cargo".to_owned()),
        (repository(), "/airtight".to_owned()),
        (target.to_owned(), "/target".to_owned()),
        // Where the sources of `std` are installed, the compiler would name these; elsewhere it names them so.
        (
            toolchain.sysroot.join("lib/rustlib/src/rust"),
            format!("/rustc/{commit}"),
        ),
    ] {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

/// Reads the files that cargo reports as made, one JSON object a line. Only the one list of paths is wanted, and they are
/// cargo's own, so it is cut out rather than parsed.
fn artifacts(messages: &str, target: &'static str) -> Vec<Guest> {
    let mut guests = Vec::new();
    for line in messages
        .lines()
        .filter(|line| line.contains(r#""reason":"compiler-artifact""#))
    {
        let Some((_, rest)) = line.split_once(r#""filenames":["#) else {
            continue;
        };
        let Some((list, _)) = rest.split_once(']') else {
            continue;
        };
        for path in list.split(',').map(|item| PathBuf::from(item.trim_matches('"'))) {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if let (Some(stem), Some("wasm")) = (stem, path.extension().and_then(|extension| extension.to_str())) {
                guests.push(Guest {
                    name: stem.replace('_', "-"),
                    target,
                    wasm: path,
                });
            }
        }
    }
    guests
}

/// A package of a workspace of guests.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    targets: Vec<&'static str>,
}

/// Reads which packages a workspace has. Its manifests are ours and plainly written, which spares this crate a TOML parser.
fn members(workspace: &Path) -> Result<Vec<Member>, Error> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(Error::io("read", path));
    let manifest = read(&workspace.join("Cargo.toml"))?;
    let folders = strings_of(&manifest, "[workspace]", "members");
    folders
        .iter()
        .map(|folder| Ok(member(&read(&workspace.join(folder).join("Cargo.toml"))?)))
        .collect()
}

fn member(manifest: &str) -> Member {
    let name = strings_of(manifest, "[package]", "name")
        .into_iter()
        .next()
        .unwrap_or_default();
    let asked = strings_of(manifest, "[package.metadata.airtight]", "targets");
    let mut targets: Vec<&'static str> = TARGETS
        .into_iter()
        .filter(|target| asked.iter().any(|a| a == target))
        .collect();
    if targets.is_empty() {
        targets.push("wasm32-wasip2");
    }
    Member { name, targets }
}

/// Returns the strings that stand after `key =` in the section that `header` opens, up to the end of the line or the list.
fn strings_of(manifest: &str, header: &str, key: &str) -> Vec<String> {
    let section = manifest.lines().skip_while(|line| line.trim() != header).skip(1);
    let mut section = section
        .take_while(|line| !line.starts_with('['))
        .map(|line| line.split('#').next().unwrap_or(""));
    let is_key = |line: &&str| {
        line.trim()
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let Some(first) = section.find(is_key) else {
        return Vec::new();
    };
    let mut text = first.to_owned();
    while text.contains('[') && !text.contains(']') {
        match section.next() {
            Some(line) => text.push_str(line),
            None => break,
        }
    }
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspaces_members_are_read_from_one_line_or_several() {
        // The three ways that rustfmt-minded people write the list, comments included.
        for text in [
            "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n",
            "[workspace]\nmembers = [\n  \"a\", # first\n  \"b\",\n]\n[profile.release]\nlto = true\n",
            "# top\n[workspace]\nmembers = [ \"a\",\n\"b\" ]\n",
        ] {
            assert_eq!(strings_of(text, "[workspace]", "members"), ["a", "b"], "{text}");
        }
        assert!(strings_of("[workspace]\nmembers = []\n", "[workspace]", "members").is_empty());
    }

    #[test]
    fn a_package_is_built_for_wasip2_unless_it_asks_otherwise() {
        // The default must not depend on what other sections say.
        let plain = "[package]\nname = \"plain\"\nversion.workspace = true\n[dependencies]\n";
        assert_eq!(
            member(plain),
            Member {
                name: "plain".to_owned(),
                targets: vec!["wasm32-wasip2"]
            }
        );
        let asks = "[package]\nname = \"old\"\n[package.metadata.airtight]\ntargets = [\"wasm32-wasip1\"]\n";
        assert_eq!(
            member(asks),
            Member {
                name: "old".to_owned(),
                targets: vec!["wasm32-wasip1"]
            }
        );
    }

    #[test]
    fn only_the_wasm_files_of_artifacts_are_guests() {
        // Cargo reports host libraries and build scripts of the same build in the same stream.
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"x"},"filenames":["/t/release/libserde.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","filenames":["/t/r/secret_scan.wasm","/t/r/libsecret_scan.rlib"],"fresh":true}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let expected = Guest {
            name: "secret-scan".to_owned(),
            target: "wasm32-wasip2",
            wasm: "/t/r/secret_scan.wasm".into(),
        };
        assert_eq!(artifacts(messages, "wasm32-wasip2"), [expected]);
    }
}
