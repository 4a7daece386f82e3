//! [`pack`] over small trees: the committed digests, round trips through every format, and wrong parameters.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::{FORMATS, Scratch, contents};

/// The SHA-256 of the sample tree in each format. They change only when an encoder or a header does: then every
/// user's archive changes too, which the changelog must say.
const GOLDEN: [(Format, &str); 4] = [
    (
        Format::Tar,
        "7fbf680e209b22b1e34b9a63d67783c75f48afc0dcd89a55354f7e7aea7445f9",
    ),
    (
        Format::TarGz,
        "57b1c8ea89972012e87fc59e436e51e58ef074f81e09efca4fef01f50398ec89",
    ),
    (
        Format::TarZst,
        "6d6ce71934b9f539a9d0f25e82e227b996ddbfd90913d63b1669f126468fe802",
    ),
    (
        Format::Zip,
        "dd7f2b4ead92fcbfa108e4bdb35d4205bb8370659d6cf1d89a5d6a555deb1385",
    ),
];

#[test]
fn an_archive_has_the_committed_digest_wherever_it_is_made() {
    // Made twice from trees in different folders with different times and modes, in another order of creation.
    for (format, golden) in GOLDEN {
        for round in 0..2 {
            let mut scratch = Scratch::new();
            if round == 1 {
                scratch.write("src/large", b"other");
                std::fs::create_dir_all(scratch.path("src/hollow")).unwrap();
            }
            scratch.sample_tree();
            let packed = scratch.pack(format);
            assert_eq!(packed.sha256, golden, "{format}");
            assert_eq!(
                packed.bytes,
                std::fs::metadata(scratch.path("out/archive")).unwrap().len()
            );
            assert_eq!(packed.entries, contents(&scratch.path("src")).len() as u64);
        }
    }
}

#[test]
fn everything_that_was_packed_is_unpacked_as_it_was() {
    // One of everything, through every format.
    for format in FORMATS {
        let mut scratch = Scratch::new();
        scratch.sample_tree();
        scratch.pack(format);
        let unpacked = scratch.unpack();
        assert_eq!(
            contents(&scratch.path("to")),
            contents(&scratch.path("src")),
            "{format}"
        );
        assert_eq!(
            (unpacked.files, unpacked.directories, unpacked.symlinks),
            (10, 6, 3),
            "{format}"
        );
        assert!(scratch.host.executable.is_empty());
    }
}

#[test]
fn an_empty_folder_and_a_single_file_can_be_packed() {
    // The smallest archives; a file keeps its own name.
    for format in FORMATS {
        let mut scratch = Scratch::new();
        std::fs::create_dir(scratch.path("src")).unwrap();
        assert_eq!(scratch.pack(format).entries, 0);
        assert_eq!(scratch.unpack().files, 0);
        let mut scratch = Scratch::new();
        scratch.write("src", b"only");
        assert_eq!(scratch.pack(format).entries, 1);
        scratch.unpack();
        assert_eq!(std::fs::read(scratch.path("to/src")).unwrap(), b"only");
    }
}

#[test]
fn files_that_a_glob_matches_come_out_executable() {
    // Packed as 0755, so that unpacking marks them; the others are not marked.
    for format in FORMATS {
        let mut scratch = Scratch::new();
        scratch.sample_tree();
        let (from, to) = (scratch.text("src"), scratch.text("out/archive"));
        let executable = vec!["**/*.sh".to_owned(), "empty".to_owned()];
        let options = PackOptions {
            from,
            to,
            format: Some(format),
            executable,
            ..PackOptions::default()
        };
        scratch.try_pack(options).unwrap();
        scratch.unpack();
        assert_eq!(
            scratch.host.executable,
            [scratch.path("to/bin/tool.sh"), scratch.path("to/empty")],
            "{format}"
        );
    }
}

#[test]
fn a_prefix_puts_everything_under_folders_that_strip_takes_off() {
    // The prefix's folders are entries too; stripping them gives the tree back.
    for format in FORMATS {
        let mut scratch = Scratch::new();
        scratch.sample_tree();
        let (from, to) = (scratch.text("src"), scratch.text("out/archive"));
        let prefix = Some("top/app-1.0/".to_owned());
        let options = PackOptions {
            from,
            to,
            prefix,
            format: Some(format),
            ..PackOptions::default()
        };
        let packed = scratch.try_pack(options).unwrap();
        assert_eq!(packed.entries, contents(&scratch.path("src")).len() as u64 + 2);
        scratch.try_unpack(2, crate::Limits::default()).unwrap();
        assert_eq!(
            contents(&scratch.path("to")),
            contents(&scratch.path("src")),
            "{format}"
        );
    }
}

#[test]
fn the_extension_says_the_format_and_parameters_are_checked() {
    // Each wrong parameter is named in the error; `src` is a folder with one file.
    let mut scratch = Scratch::new();
    scratch.write("src/file", b"x");
    let from = scratch.text("src");
    let good = PackOptions {
        from,
        to: scratch.text("out/a.tgz"),
        ..PackOptions::default()
    };
    scratch.try_pack(good.clone()).unwrap();
    let head = std::fs::read(scratch.path("out/a.tgz")).unwrap();
    assert_eq!(Format::of_magic(&head), Some(Format::TarGz));
    let zip = Some(Format::Zip);
    for (options, named) in [
        (
            PackOptions {
                to: scratch.text("out/a.rar"),
                ..good.clone()
            },
            "add `format:`",
        ),
        (
            PackOptions {
                to: "out/a.tar".to_owned(),
                ..good.clone()
            },
            "`to`",
        ),
        (
            PackOptions {
                from: "/../x".to_owned(),
                ..good.clone()
            },
            "`from`",
        ),
        (
            PackOptions {
                from: scratch.text("none"),
                ..good.clone()
            },
            "none",
        ),
        (
            PackOptions {
                level: Some(10),
                ..good.clone()
            },
            "`level`",
        ),
        (
            PackOptions {
                level: Some(2),
                format: Some(Format::TarZst),
                ..good.clone()
            },
            "`level`",
        ),
        (
            PackOptions {
                level: Some(0),
                format: Some(Format::Tar),
                ..good.clone()
            },
            "`level`",
        ),
        (
            PackOptions {
                mtime: Some(0),
                format: zip,
                ..good.clone()
            },
            "`mtime`",
        ),
        (
            PackOptions {
                mtime: Some(MTIME_END),
                ..good.clone()
            },
            "`mtime`",
        ),
        (
            PackOptions {
                prefix: Some("../up".to_owned()),
                ..good.clone()
            },
            "`prefix`",
        ),
        (
            PackOptions {
                prefix: Some("./".to_owned()),
                ..good.clone()
            },
            "`prefix`",
        ),
        (
            PackOptions {
                executable: vec!["*.sh".to_owned()],
                ..good.clone()
            },
            "matches no file",
        ),
        (
            PackOptions {
                to: scratch.text("src/file"),
                format: zip,
                ..good.clone()
            },
            "`to`",
        ),
    ] {
        let error = scratch.try_pack(options).unwrap_err();
        assert!(error.contains(named), "{error}");
    }
    assert_eq!(std::fs::read(scratch.path("src/file")).unwrap(), b"x");
}

#[test]
fn a_link_that_unpack_would_refuse_is_packed_with_a_warning() {
    // Packing is faithful; the person learns of it now, not when somebody unpacks.
    let mut scratch = Scratch::new();
    scratch.write("src/file", b"x");
    std::os::unix::fs::symlink("/etc/passwd", scratch.path("src/bad")).unwrap();
    scratch.pack(Format::Tar);
    let warned = |line: &(Level, String)| line.0 == Level::Warn && line.1.contains("`bad`");
    assert!(scratch.host.lines.iter().any(warned));
    assert!(
        scratch
            .try_unpack(0, crate::Limits::default())
            .unwrap_err()
            .contains("absolute")
    );
}

#[test]
fn what_is_no_file_folder_or_link_is_refused_by_its_path() {
    // A socket has no place in an archive.
    let mut scratch = Scratch::new();
    std::fs::create_dir(scratch.path("src")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scratch.path("src/socket")).unwrap();
    let (from, to) = (scratch.text("src"), scratch.text("out/a.tar"));
    let error = scratch
        .try_pack(PackOptions {
            from,
            to,
            ..PackOptions::default()
        })
        .unwrap_err();
    assert!(error.contains("src/socket") && error.contains("neither"), "{error}");
}

#[test]
fn progress_ends_at_the_total() {
    // A display that shows 100 % must be right.
    for format in FORMATS {
        let mut scratch = Scratch::new();
        scratch.sample_tree();
        scratch.pack(format);
        let (done, total) = *scratch.host.progress.last().unwrap();
        assert_eq!(done, total);
        assert!(scratch.host.finished);
    }
}
