//! [`run`] over folders: what is found and read, and whether the document is what CycloneDX 1.6 requires.
#![allow(clippy::unwrap_used)]

use serde_json::Value;

use super::*;

const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A host that remembers.
#[derive(Default)]
struct Remembering {
    warnings: Vec<Warning>,
    progress: Vec<(u64, u64)>,
}

impl Host for Remembering {
    fn progress(&mut self, done: u64, total: u64) {
        self.progress.push((done, total));
    }
    fn warn(&mut self, warning: &Warning) {
        self.warnings.push(warning.clone());
    }
    fn log(&mut self, _: &str) {}
}

/// A folder with a lock file of each kind, and with what must not be read.
fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let h1 = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let cargo = format!(
        "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\ndependencies = [\"dep\"]\n\
         [[package]]\nname = \"dep\"\nversion = \"1.0.0\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{SUM}\"\n"
    );
    let npm = r#"{ "lockfileVersion": 3, "packages": { "": { "name": "web", "dependencies": { "@s/a": "1" } },
        "node_modules/@s/a": { "version": "1.0.0", "license": "MIT", "optional": true } } }"#;
    let files = [
        ("Cargo.lock", cargo.clone()),
        ("other/Cargo.lock", cargo),
        ("web/package-lock.json", npm.to_owned()),
        (
            "py/requirements-dev.txt",
            format!("-r base.txt\nloose\nx==1 --hash=sha256:{SUM}\n"),
        ),
        ("py/base.txt", "base==2\n".to_owned()),
        ("go/go.sum", format!("example.com/m v1.0.0 {h1}\n")),
        ("web/node_modules/a/package-lock.json", "not read".to_owned()),
        (".git/Cargo.lock", "not read".to_owned()),
    ];
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn options(dir: &tempfile::TempDir) -> Options {
    Options {
        paths: vec![dir.path().to_str().unwrap().to_owned()],
        to: dir.path().join("out/sbom.json").to_str().unwrap().to_owned(),
        name: Some("app".to_owned()),
        version: Some("1.0.0".to_owned()),
    }
}

fn run_in(dir: &tempfile::TempDir) -> (Summary, Remembering, Value) {
    let mut host = Remembering::default();
    let summary = run(&options(dir), &mut host).unwrap();
    let document = serde_json::from_slice(&fs::read(options(dir).to).unwrap()).unwrap();
    (summary, host, document)
}

#[test]
fn every_kind_of_lock_file_is_found_and_merged() {
    // A lock file of each kind; what two files name is listed once with both.
    let dir = tree();
    let (summary, host, document) = run_in(&dir);
    let files: Vec<&str> = summary
        .files
        .iter()
        .map(|file| file.strip_prefix(dir.path().to_str().unwrap()).unwrap())
        .collect();
    let expected = [
        "/Cargo.lock",
        "/go/go.sum",
        "/other/Cargo.lock",
        "/py/base.txt",
        "/py/requirements-dev.txt",
        "/web/package-lock.json",
    ];
    assert_eq!(files, expected);
    let purls: Vec<&str> = document["components"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["purl"].as_str())
        .collect();
    let expected = [
        "pkg:cargo/dep@1.0.0",
        "pkg:golang/example.com/m@v1.0.0",
        "pkg:npm/%40s/a@1.0.0",
        "pkg:pypi/base@2",
        "pkg:pypi/x@1",
    ];
    assert_eq!(purls, expected);
    assert_eq!(summary.components, 8);
    assert_eq!(host.warnings.len(), 1);
    assert_eq!(host.warnings[0].line, 2);
    assert_eq!(host.progress.last(), Some(&(5, 5)));
    let dep = document["components"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "dep")
        .unwrap();
    assert_eq!(dep["properties"].as_array().unwrap().len(), 2);
}

/// Checks what the schema of CycloneDX 1.6 requires of the parts that are written here.
fn check_schema(document: &Value) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    assert_eq!(document["bomFormat"], "CycloneDX");
    assert_eq!(document["specVersion"], "1.6");
    assert!(document["version"].as_u64().unwrap() >= 1);
    let serial = text(&document["serialNumber"]).unwrap();
    let groups: Vec<&str> = serial.strip_prefix("urn:uuid:").unwrap().split('-').collect();
    assert_eq!(
        groups.iter().map(|group| group.len()).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12]
    );
    assert!(groups.iter().all(|group| {
        group
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }));
    let top = [
        "$schema",
        "bomFormat",
        "components",
        "dependencies",
        "metadata",
        "serialNumber",
        "specVersion",
        "version",
    ];
    assert!(
        document
            .as_object()
            .unwrap()
            .keys()
            .all(|key| top.contains(&key.as_str()))
    );
    assert!(document["metadata"].get("timestamp").is_none());
    let mut references = BTreeSet::new();
    references.extend(text(&document["metadata"]["component"]["bom-ref"]));
    let allowed = [
        "type",
        "bom-ref",
        "name",
        "group",
        "version",
        "purl",
        "scope",
        "hashes",
        "licenses",
        "properties",
    ];
    for component in document["components"].as_array().unwrap() {
        assert!(
            component
                .as_object()
                .unwrap()
                .keys()
                .all(|key| allowed.contains(&key.as_str()))
        );
        assert_eq!(component["type"], "library");
        assert!(!text(&component["name"]).unwrap().is_empty());
        assert!(
            component
                .get("purl")
                .is_none_or(|purl| purl.as_str().unwrap().starts_with("pkg:"))
        );
        assert!(
            references.insert(text(&component["bom-ref"]).unwrap()),
            "bom-ref is unique"
        );
        assert!(component.get("scope").is_none_or(|scope| scope == "optional"));
        for hash in component.get("hashes").and_then(Value::as_array).into_iter().flatten() {
            assert!(["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"].contains(&hash["alg"].as_str().unwrap()));
            assert!([32, 40, 64, 96, 128].contains(&text(&hash["content"]).unwrap().len()));
        }
        for licence in component
            .get("licenses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let inner = &licence["license"];
            assert!(inner["id"].is_string() ^ inner["name"].is_string() ^ licence["expression"].is_string());
        }
        for property in component["properties"].as_array().unwrap() {
            assert!(property["name"].is_string() && property["value"].is_string());
        }
    }
    let mut named = BTreeSet::new();
    for dependency in document["dependencies"].as_array().unwrap() {
        let reference = text(&dependency["ref"]).unwrap();
        assert!(references.contains(&reference) && named.insert(reference));
        let on: Vec<String> = dependency["dependsOn"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(text)
            .collect();
        assert!(on.iter().all(|one| references.contains(one)));
        assert_eq!(
            on.iter().collect::<BTreeSet<_>>().len(),
            on.len(),
            "dependsOn is unique"
        );
    }
}

#[test]
fn the_document_is_what_the_schema_requires() {
    // With everything, and with the least: no subject, one file.
    check_schema(&run_in(&tree()).2);
    let dir = tree();
    let mut options = options(&dir);
    (options.name, options.version) = (None, None);
    options.paths = vec![dir.path().join("go/go.sum").to_str().unwrap().to_owned()];
    assert_eq!(run(&options, &mut Remembering::default()).unwrap().components, 1);
    check_schema(&serde_json::from_slice(&fs::read(&options.to).unwrap()).unwrap());
}

#[test]
fn the_graph_leads_from_the_subject_to_the_packages() {
    // Subject → own packages → dependencies; files that say no graph add none.
    let (_, _, document) = run_in(&tree());
    let graph = document["dependencies"].as_array().unwrap();
    let of = |end: &str| graph.iter().find(|one| one["ref"].as_str().unwrap().ends_with(end));
    assert_eq!(of("airtight:root").unwrap()["dependsOn"].as_array().unwrap().len(), 3);
    assert_eq!(
        of("Cargo.lock#app@1.0.0").unwrap()["dependsOn"][0],
        "pkg:cargo/dep@1.0.0"
    );
    assert_eq!(of("#web").unwrap()["dependsOn"][0], "pkg:npm/%40s/a@1.0.0");
    assert!(of("pkg:pypi/x@1").is_none() && of("example.com/m@v1.0.0").is_none());
}

#[test]
fn the_same_files_give_the_same_bytes_and_others_another_serial_number() {
    // Twice in one place; then with one more pin.
    let dir = tree();
    let first = run_in(&dir).2;
    let bytes = fs::read(options(&dir).to).unwrap();
    run_in(&dir);
    assert_eq!(fs::read(options(&dir).to).unwrap(), bytes);
    fs::write(dir.path().join("py/base.txt"), "base==3\n").unwrap();
    assert_ne!(run_in(&dir).2["serialNumber"], first["serialNumber"]);
}

#[test]
fn wrong_parameters_and_unreadable_files_are_named() {
    // Each with what the person must look at.
    let dir = tree();
    let good = options(&dir);
    let path = |name: &str| vec![dir.path().join(name).to_str().unwrap().to_owned()];
    fs::create_dir(dir.path().join("hollow")).unwrap();
    fs::create_dir(dir.path().join("bad")).unwrap();
    fs::write(dir.path().join("bad/go.sum"), b"\n\xff\n").unwrap();
    for (options, named) in [
        (
            Options {
                name: None,
                ..good.clone()
            },
            "`version`",
        ),
        (
            Options {
                name: Some(String::new()),
                ..good.clone()
            },
            "`name`",
        ),
        (
            Options {
                to: "x.json".to_owned(),
                ..good.clone()
            },
            "`to`",
        ),
        (
            Options {
                paths: vec!["src".to_owned()],
                ..good.clone()
            },
            "`paths`",
        ),
        (
            Options {
                paths: path("hollow"),
                ..good.clone()
            },
            "no Cargo.lock",
        ),
        (
            Options {
                paths: Vec::new(),
                ..good.clone()
            },
            "no Cargo.lock",
        ),
        (
            Options {
                paths: path("gone"),
                ..good.clone()
            },
            "gone",
        ),
        (
            Options {
                paths: path("py/base.txt"),
                ..good.clone()
            },
            "named as a lock file",
        ),
        (
            Options {
                paths: path("bad"),
                ..good.clone()
            },
            "go.sum:2: it is not UTF-8",
        ),
    ] {
        let error = run(&options, &mut Remembering::default()).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
