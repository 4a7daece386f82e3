//! Files that a pipeline includes: those of the project and no others.
#![allow(clippy::unwrap_used)]

use super::*;

// A link of a stranger's change leads nowhere, and what never ends or is not there yet is not read.
#[test]
fn an_included_file_is_a_regular_file_of_the_project() {
    use std::os::unix::fs::symlink;
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir(root.join("ci")).unwrap();
    std::fs::write(root.join("ci/steps.yaml"), "steps: {}").unwrap();
    std::fs::write(outside.path().join("key"), "a secret").unwrap();
    symlink("steps.yaml", root.join("ci/alias.yaml")).unwrap();
    symlink(outside.path().join("key"), root.join("file.yaml")).unwrap();
    symlink(outside.path(), root.join("folder")).unwrap();
    symlink("/dev/zero", root.join("zero.yaml")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.yaml")).unwrap();
    assert_eq!(read_included(&root, "ci/steps.yaml").unwrap(), "steps: {}");
    assert_eq!(read_included(&root, "ci/alias.yaml").unwrap(), "steps: {}");
    for (name, why) in [
        ("file.yaml", "out of the pipeline's folder"),
        ("folder/key", "out of the pipeline's folder"),
        ("zero.yaml", "out of the pipeline's folder"),
        ("socket.yaml", "no regular file"),
        ("ci", "no regular file"),
        ("none.yaml", "cannot read the file"),
    ] {
        let error = read_included(&root, name).unwrap_err();
        assert!(error.contains(why), "{name}: {error}");
    }
    let large = File::create(root.join("large.yaml")).unwrap();
    large.set_len(1 << 40).unwrap();
    assert!(read_included(&root, "large.yaml").unwrap_err().contains("larger than"));
}
