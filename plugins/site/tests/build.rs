//! The build as a whole, over real folders: golden pages, broken links, limits.
//!
//! `BLESS=1 cargo test -p site` writes the golden pages anew.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use site::build::{Failure, Reporter, Settings, Summary, default_include, run};
use site::layout::STYLE;
use site::page::Problem;
use tempfile::TempDir;

/// Keeps all that the build says.
#[derive(Default)]
struct Kept(Vec<String>);

impl Reporter for Kept {
    fn problem(&mut self, problem: &Problem, fails: bool) {
        let level = if fails { "error" } else { "warning" };
        self.0.push(format!(
            "{level}: {}:{}: {}",
            problem.path, problem.line, problem.message
        ));
    }
    fn summary(&mut self, _line: &str) {}
}

fn settings(from: &Path, to: &Path) -> Settings {
    Settings {
        from: from.to_str().unwrap().to_owned(),
        to: to.to_str().unwrap().to_owned(),
        title: None,
        include: default_include(),
        exclude: Vec::new(),
        allow_broken_links: false,
        raw_html: false,
        lang: "en".to_owned(),
    }
}

/// A folder with these files in `in`, and settings that build it into `out`.
fn folder(files: &[(&str, &str)]) -> (TempDir, Settings) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join("in").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let settings = settings(&dir.path().join("in"), &dir.path().join("out"));
    (dir, settings)
}

/// All files under a folder, by relative path.
fn tree(top: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut pending = vec![top.to_path_buf()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

fn page(settings: &Settings, name: &str) -> String {
    fs::read_to_string(Path::new(&settings.to).join(name)).unwrap()
}

#[test]
fn a_small_tree_becomes_the_golden_pages() {
    // The whole of what is written, so that any change of the pages is seen in review.
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let out = tempfile::tempdir().unwrap();
    let mut kept = Kept::default();
    let summary = run(&settings(&golden.join("in"), out.path()), &mut kept).unwrap();
    let mut made = tree(out.path());
    assert_eq!(summary.bytes, made.values().map(|text| text.len() as u64).sum::<u64>());
    assert_eq!((summary.pages, summary.links), (4, 13));
    for (name, text) in &mut made {
        if name.ends_with(".html") {
            assert!(text.contains(STYLE), "{name} has the style");
            *text = text.replace(STYLE, "/* style.css */\n");
        }
    }
    if std::env::var_os("BLESS").is_some() {
        let _ = fs::remove_dir_all(golden.join("out"));
        for (name, text) in &made {
            let path = golden.join("out").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    assert_eq!(made, tree(&golden.join("out")));
    let said = kept.0.join("\n");
    assert_eq!(kept.0.len(), 2, "{said}");
    assert!(
        said.contains("README.md:24: the link `../LICENSE` leads out of"),
        "{said}"
    );
    assert!(
        said.contains("README.md:24: the link `empty` leads to the folder `empty`, which has no pages"),
        "{said}"
    );
}

#[test]
fn broken_links_fail_with_place_and_nearest_target() {
    // And nothing is written: half a site is worse than none.
    let (dir, settings) = folder(&[
        (
            "a.md",
            "# A\n\n[b](instal.md) and\n[c](docs/b.md#usge)\n[x](javascript:alert(1))\n",
        ),
        ("install.md", "# Install\n"),
        (
            "docs/b.md",
            "# B\n## Usage\n[moved](install.md) [gone](qqqqqqqqqqqq.png)",
        ),
    ]);
    let mut kept = Kept::default();
    let message = run(&settings, &mut kept).unwrap_err().to_string();
    let expected = "5 links are broken:
  IN/a.md:3: the link `instal.md` leads to `instal.md`, which is not there; the nearest is `install.md`
  IN/a.md:4: the link `docs/b.md#usge` leads to `#usge`, which `docs/b.md` does not have; the nearest is `#usage`
  IN/a.md:5: the link `javascript:alert(1)` has the scheme `javascript`, which is not one of links between pages
  IN/docs/b.md:3: the link `install.md` leads to `docs/install.md`, which is not there; the nearest is `../install.md`
  IN/docs/b.md:3: the link `qqqqqqqqqqqq.png` leads to `docs/qqqqqqqqqqqq.png`, which is not there
help: mend them, or say `broken-links: warn` under `with:`";
    assert_eq!(message.replace(&settings.from, "IN"), expected);
    assert_eq!(kept.0.iter().filter(|line| line.starts_with("error: ")).count(), 5);
    assert!(!dir.path().join("out").exists());
}

#[test]
fn broken_links_can_be_warnings() {
    // The page is made; a refused scheme still becomes no link.
    let (_dir, mut settings) = folder(&[("a.md", "[b](no.md) [x](javascript:alert(1))")]);
    settings.allow_broken_links = true;
    let mut kept = Kept::default();
    let summary = run(&settings, &mut kept).unwrap();
    assert_eq!((summary.pages, summary.links), (2, 2));
    assert!(kept.0.iter().all(|line| line.starts_with("warning: ")) && kept.0.len() == 2);
    let html = page(&settings, "a.html");
    assert!(
        html.contains("<a href=\"no.md\">b</a> <span class=\"outside\">x</span>"),
        "{html}"
    );
}

#[test]
fn a_page_cannot_bring_script() {
    // Every place of a page that is its author's: text, title, attributes, code, file names.
    let evil = "<script>x</script>";
    let text = format!(
        "# {evil} `{evil}`\n\n{evil}\n\n<img src=x onerror=x>\n\n[a](\"><x 'y')\n\n[b](b.md \"\\\"><x>\")\n\n![\"><x>](c.svg)\n\n```\"><x>\n{evil}\n```\n"
    );
    let (_dir, settings) = folder(&[("a\"><x>.md", &text), ("b.md", "b"), ("c.svg", "<svg/>")]);
    let settings = Settings {
        allow_broken_links: true,
        title: Some(evil.to_owned()),
        ..settings
    };
    run(&settings, &mut Kept::default()).unwrap();
    for (name, html) in tree(Path::new(&settings.to))
        .iter()
        .filter(|(name, _)| name.ends_with(".html"))
    {
        for bad in ["<script", "<img src=x", "<x"] {
            assert!(!html.contains(bad), "{name} has {bad}:\n{html}");
        }
    }
}

#[test]
fn raw_html_passes_through_only_when_it_is_asked_for() {
    // With it, anchors that are written in HTML count too.
    let text = "<a id=\"here\"></a>\n\n<div>x</div>\n\n[to](#here)\n";
    let (_dir, mut settings) = folder(&[("index.md", text)]);
    assert!(matches!(run(&settings, &mut Kept::default()), Err(Failure::Broken(_))));
    settings.raw_html = true;
    run(&settings, &mut Kept::default()).unwrap();
    assert!(page(&settings, "index.html").contains("<div>x</div>"));
}

#[test]
fn folders_without_an_index_get_one_and_pages_can_be_turned() {
    // From the made index of the top through all folders, in the order of the sidebar.
    let (_dir, settings) = folder(&[("z.md", "# Zed"), ("a/x/deep.md", "# Deep"), ("a/m.md", "# Em")]);
    let settings = Settings {
        title: Some("Things".to_owned()),
        ..settings
    };
    let summary = run(&settings, &mut Kept::default()).unwrap();
    assert_eq!(summary.pages, 6);
    let top = page(&settings, "index.html");
    assert!(
        top.contains(
            "<h1>Things</h1>\n<ul>\n<li><a href=\"z.html\">Zed</a></li>\n<li><a href=\"a/index.html\">a</a></li>"
        ),
        "{top}"
    );
    let em = page(&settings, "a/m.html");
    assert!(
        em.contains("<a rel=\"prev\" href=\"index.html\">a</a>\n<a rel=\"next\" href=\"x/index.html\">x</a>"),
        "{em}"
    );
    assert!(em.contains("<title>Em · Things</title>"), "{em}");
}

#[test]
fn the_same_tree_gives_the_same_bytes_anywhere() {
    // Reproducible: in another folder, and into one that has an older site in it.
    let files = [
        ("README.md", "# A\n[b](b/c.md)"),
        ("b/c.md", "# C\n![i](i.png)"),
        ("b/i.png", "png"),
    ];
    let (one, first) = folder(&files);
    let (two, second) = folder(&files);
    run(&first, &mut Kept::default()).unwrap();
    let before: Summary = run(&second, &mut Kept::default()).unwrap();
    assert_eq!(run(&second, &mut Kept::default()).unwrap(), before);
    assert_eq!(tree(&one.path().join("out")), tree(&two.path().join("out")));
}

#[test]
fn mistakes_in_the_arguments_are_explained() {
    // Each of them would otherwise spoil the source folder or the pages.
    let (dir, settings) = folder(&[("a.md", "a"), ("b.md", "[a](a.html)"), ("bad/c.md", "x")]);
    let inside = Settings {
        to: dir.path().join("in/x/../site").to_str().unwrap().to_owned(),
        ..settings.clone()
    };
    assert!(matches!(
        run(&inside, &mut Kept::default()),
        Err(Failure::Inside { .. })
    ));
    let lang = Settings {
        lang: "\"en".to_owned(),
        ..settings.clone()
    };
    assert!(matches!(run(&lang, &mut Kept::default()), Err(Failure::Lang(_))));
    fs::write(dir.path().join("in/bad/c.md"), b"\xff").unwrap();
    assert!(matches!(run(&settings, &mut Kept::default()), Err(Failure::NotUtf8(_))));
    let excluded = Settings {
        exclude: vec!["bad/**".to_owned()],
        ..settings.clone()
    };
    run(&excluded, &mut Kept::default()).unwrap();
    fs::write(dir.path().join("in/a.html"), "mine").unwrap();
    assert!(matches!(
        run(&excluded, &mut Kept::default()),
        Err(Failure::Collision { .. })
    ));
}
