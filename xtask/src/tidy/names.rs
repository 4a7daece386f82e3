//! No file names a package registry's host or a folder of the machine it was written on: both would be wrong on the next machine. The
//! machine's folders are asked for, not listed, so that this file names none either.

use std::path::Path;

use super::Source;
use crate::project::Project;

/// Hosts of registries, in two parts each: whole, they would be complaints about this file.
const HOSTS: [(&str, &str); 9] = [
    ("index.crates", ".io"),
    ("static.crates", ".io"),
    ("static.rust-lang", ".org"),
    ("deb.debian", ".org"),
    ("snapshot.debian", ".org"),
    ("registry.npmjs", ".org"),
    ("files.pythonhosted", ".org"),
    ("pypi", ".org/simple"),
    ("proxy.golang", ".org"),
];

/// Returns the folders of this machine that no file may name: the repository, the homes of the user, cargo and rustup.
pub(super) fn private(project: &Project) -> Vec<String> {
    let homes = [
        std::env::home_dir(),
        variable("CARGO_HOME"),
        variable("RUSTUP_HOME"),
        Some(project.root.clone()),
    ];
    let mut folders: Vec<String> = homes.into_iter().flatten().filter_map(|folder| told(&folder)).collect();
    folders.push(concat!("/root/", ".").to_owned());
    folders
}

fn variable(name: &str) -> Option<std::path::PathBuf> {
    std::env::var_os(name).map(Into::into)
}

/// A folder directly below `/` is anybody's name (`/src`, `/root`): pipelines mount there. Deeper ones are this machine's.
fn told(folder: &Path) -> Option<String> {
    (folder.components().count() > 2).then(|| format!("{}/", folder.to_str().unwrap_or("/").trim_end_matches('/')))
}

pub(super) fn complaints(sources: &[Source], private: &[String]) -> Vec<String> {
    let hosts: Vec<String> = HOSTS.iter().map(|(host, domain)| format!("{host}{domain}")).collect();
    let mut complaints = Vec::new();
    // Lock files are written by package managers, which name their registries in them.
    for source in sources.iter().filter(|source| !source.has_extension("lock")) {
        for (index, line) in source.text.lines().enumerate() {
            if let Some(name) = hosts.iter().chain(private).find(|name| line.contains(name.as_str())) {
                complaints.push(source.at(index + 1, &format!("names `{name}`")));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_registrys_host_is_a_complaint_everywhere_but_in_lock_files() {
        let line = format!("url = \"https://{}{}/x\"\n", HOSTS[0].0, HOSTS[0].1);
        assert_eq!(complaints(&[source("docs/a.md", &line)], &[]).len(), 1);
        assert!(complaints(&[source("Cargo.lock", &line)], &[]).is_empty());
    }

    #[test]
    fn a_folder_of_this_machine_is_a_complaint_and_a_mount_point_is_not() {
        let private = vec!["/home/ada/airtight/".to_owned()];
        assert_eq!(
            complaints(&[source("a.sh", "cd /home/ada/airtight/target\n")], &private).len(),
            1
        );
        assert!(complaints(&[source("a.yaml", "mounts: { /src: app }\n")], &private).is_empty());
        assert_eq!(told(Path::new("/root")), None);
        assert_eq!(told(Path::new("/home/ada")), Some("/home/ada/".to_owned()));
    }
}
