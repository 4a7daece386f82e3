//! Sources of secrets: what is read, and what is said of one that has no value.
#![allow(clippy::unwrap_used)]

use airtight_exec::Cancel;
use airtight_model::plan::SecretSource;

use super::*;

fn read_all(root: &Path, source: SecretSource) -> (Result<Vec<u8>, NoValue>, usize) {
    let secret = PlannedSecret {
        name: "token".to_owned(),
        source,
        span: Span::default(),
    };
    let cancel = Cancel::new();
    let reader = Reader {
        root,
        home: Some(root),
        cancel: &cancel,
    };
    let mut found = Vec::new();
    let read = reader.raw(&secret, &mut found).map(|bytes| bytes.to_vec());
    (read, found.len())
}

fn command(argv: &[&str]) -> SecretSource {
    SecretSource::Command(argv.iter().map(|arg| (*arg).to_owned()).collect())
}

fn file(path: &str) -> SecretSource {
    SecretSource::File(path.to_owned())
}

fn why(root: &Path, source: SecretSource) -> String {
    read_all(root, source).0.unwrap_err().message
}

// A file's value is its bytes without one line end; one that others can read is warned of.
#[test]
fn a_file_gives_its_bytes_without_the_last_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let path = root.join("key");
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    for (bytes, value) in [
        ("a b", "a b"),
        ("ab\n", "ab"),
        ("ab\r\n", "ab"),
        ("a\n\n", "a\n"),
        (" a ", " a "),
    ] {
        std::fs::write(&path, bytes).unwrap();
        mode(0o600);
        let expected = (Ok(value.as_bytes().to_vec()), 0);
        assert_eq!(read_all(&root, file("key")), expected, "{bytes:?}");
        assert_eq!(read_all(Path::new("/"), file(path.to_str().unwrap())), expected);
    }
    assert_eq!(read_all(&root, file("~/key")).0.unwrap(), b" a ");
    mode(0o640);
    assert_eq!(read_all(&root, file("key")).1, 1);
}

// A relative path is one of the project, whatever links a change makes of it; others are said whole.
#[test]
fn a_relative_file_that_leads_out_of_the_project_is_refused() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = folder.path().canonicalize().unwrap();
    let key = outside.path().canonicalize().unwrap().join("key");
    std::fs::write(&key, "value").unwrap();
    std::fs::write(root.join("own"), "own").unwrap();
    std::os::unix::fs::symlink(&key, root.join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.join("sub")).unwrap();
    std::os::unix::fs::symlink("own", root.join("alias")).unwrap();
    let up = format!(
        "../{}/key",
        key.parent().unwrap().file_name().unwrap().to_str().unwrap()
    );
    for path in ["link", "sub/key", &up] {
        assert!(why(&root, file(path)).contains("leads out of"), "{path}");
    }
    assert_eq!(read_all(&root, file("alias")).0.unwrap(), b"own");
    assert_eq!(read_all(&root, file(key.to_str().unwrap())).0.unwrap(), b"value");
}

// What is not a value is refused with the reason, and the reason holds nothing of what was read.
#[test]
fn a_source_without_a_usable_value_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let root = &folder.path().canonicalize().unwrap();
    std::fs::write(root.join("empty"), "\n").unwrap();
    std::fs::write(root.join("large"), vec![b'x'; MAX_SECRET + 1]).unwrap();
    assert!(why(root, file("none")).contains("cannot be read"));
    assert!(why(root, file(".")).contains("is no file"));
    assert_eq!(why(root, file("empty")), "it is empty");
    assert_eq!(why(root, file("large")), "it is larger than 64 KiB");
    assert_eq!(
        why(root, SecretSource::Env("AIRTIGHT_TEST_NOT_SET".to_owned())),
        "the environment variable `AIRTIGHT_TEST_NOT_SET` is not set"
    );
    assert!(why(root, command(&["no-such-program"])).contains("cannot be started"));
    assert_eq!(why(root, command(&["true"])), "it is empty");
    assert_eq!(
        why(root, command(&["head", "-c", "70000", "/dev/zero"])),
        "it is larger than 64 KiB"
    );
}

// A command is its arguments and nothing more: no shell, no input, in the pipeline's folder.
#[test]
fn a_command_is_run_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let value = |argv: &[&str]| String::from_utf8(read_all(&root, command(argv)).0.unwrap()).unwrap();
    assert_eq!(value(&["printf", "%s", "$HOME `id` ; x"]), "$HOME `id` ; x");
    assert_eq!(value(&["pwd"]), root.to_str().unwrap());
    assert_eq!(why(&root, command(&["cat"])), "it is empty");
}

// What a failing command says is shown without anything that a terminal obeys, and its output is not shown.
#[test]
fn a_command_that_fails_shows_what_it_says_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf value; printf '\\033[2Jlocked\\n' >&2; exit 3";
    let why = why(folder.path(), command(&["sh", "-c", script]));
    assert!(
        why.contains("exit status: 3") && why.contains("\\u{1b}[2Jlocked"),
        "{why}"
    );
    assert!(!why.contains("value"), "{why}");
}

// A run that is cancelled does not wait for a program.
#[test]
fn a_cancelled_run_ends_the_command() {
    let cancel = Cancel::new();
    cancel.cancel();
    let argv = ["sleep".to_owned(), "600".to_owned()];
    let ended = command::output(&argv, Path::new("/"), MAX_SECRET, &cancel);
    assert!(ended.unwrap_err().message.contains("was ended with the run"));
}

// A file of a grant is one of the project.
#[test]
fn a_file_of_a_grant_that_leads_out_of_the_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::write(root.join("ca.pem"), "pem").unwrap();
    assert_eq!(read_inside(&root, "ca.pem").unwrap(), b"pem");
    std::os::unix::fs::symlink("/etc/hostname", root.join("link.pem")).unwrap();
    assert!(read_inside(&root, "link.pem").unwrap_err().contains("outside"));
    assert!(read_inside(&root, "none.pem").is_err());
    assert!(read_inside(&root, ".").is_err());
}
