//! Steps in JavaScript and TypeScript: esbuild makes one module of the sources, and StarlingMonkey (componentize-js) or QuickJS (componentize-qjs)
//! a component of that. Not here: those programs, which are the project's own (`package.json`), and how StarlingMonkey's bytes are made the
//! same everywhere (`componentize.mjs`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use airtight_pipeline::Language;

use super::sources::Mistake;
use super::{Raw, Workshop, source_map};
use crate::error::Error;
use crate::files;
use crate::wit::Wit;

/// Runs componentize-js.
const COMPONENTIZE: &str = include_str!("componentize.mjs");
/// Where this recipe works, from the project's folder: a part of what it makes.
const FOLDER: &str = "build/javascript";
/// The one module.
const BUNDLE: &str = "build/javascript/app.js";

/// An engine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    StarlingMonkey,
    QuickJs,
}

/// Makes the component.
pub(super) fn build(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let root = &shop.project.root;
    let (language, what, entries) = match shop.project.file.language {
        Language::TypeScript => ("TypeScript", "a step in TypeScript", ["src/app.ts", "src/index.ts"]),
        _ => ("JavaScript", "a step in JavaScript", ["src/app.js", "src/index.js"]),
    };
    let engine = engine(shop)?;
    let entry = shop.entry(&entries)?;
    let wit = shop.wit()?;
    let own = [root.join("node_modules/.bin")];
    let componentize = match engine {
        Engine::StarlingMonkey => ("componentize-js", "@bytecodealliance/componentize-js@0.23.0"),
        Engine::QuickJs => ("componentize-qjs", "componentize-qjs@0.4.5"),
    };
    let install = |package: &str| {
        [
            "in the project's folder: `npm install`".to_owned(),
            format!("if package.json does not have it yet: `npm install --save-dev --save-exact {package}`"),
        ]
    };
    let need = |program: &str, package: &str| {
        let lines = install(package);
        shop.tools.need(&[program], &own, what, &[&lines[0], &lines[1]])
    };
    let node = shop.tools.need(
        &["node"],
        &own,
        what,
        &["install Node.js 20 or newer, on Debian with `apt-get install nodejs npm`"],
    )?;
    let esbuild = need("esbuild", "esbuild@0.28.2")?;
    let program = need(componentize.0, componentize.1)?;
    let folder = shop.folder("javascript")?;
    bundle(shop, wit, &esbuild, &entry)?;
    let made = folder.join("step.wasm");
    match engine {
        Engine::StarlingMonkey => starlingmonkey(shop, wit, &node, &program, &made)?,
        Engine::QuickJs => quickjs(shop, wit, &program, &made)?,
    }
    let version = |name: &str, program: &Path| (name.to_owned(), package_version(program).unwrap_or_default());
    Ok(Raw {
        wasm: files::binary(&made)?,
        language: (language.to_owned(), String::new()),
        tools: vec![version("esbuild", &esbuild), version(componentize.0, &program)],
    })
}

fn engine(shop: &Workshop<'_>) -> Result<Engine, Error> {
    let Some(engine) = &shop.project.file.engine else {
        return Ok(Engine::StarlingMonkey);
    };
    match engine.text.as_str() {
        "starlingmonkey" => Ok(Engine::StarlingMonkey),
        "quickjs" => Ok(Engine::QuickJs),
        other => Err(shop.project.wrong(
            "A0010",
            engine.span,
            format!("there is no engine `{other}` for JavaScript"),
            "leave `engine:` out for StarlingMonkey, or write `engine: quickjs`".to_owned(),
        )),
    }
}

/// Makes one module of the sources and the packages that they import. What the WIT has is left to the engine.
fn bundle(shop: &Workshop<'_>, wit: &Wit, esbuild: &Path, entry: &Path) -> Result<(), Error> {
    let root = &shop.project.root;
    let mut command = shop.tools.command(esbuild);
    command
        .current_dir(root)
        .arg(entry.strip_prefix(root).unwrap_or(entry))
        .args(["--bundle", "--format=esm", "--platform=neutral", "--target=es2022"])
        .args(["--main-fields=module,main", "--conditions=module", "--charset=utf8"])
        // Beside the module and not named in it: places of mistakes are found with it.
        .arg("--sourcemap=external")
        .args(["--log-level=warning", "--color=false"])
        .arg(format!("--outfile={BUNDLE}"));
    let namespaces: BTreeSet<&str> = wit
        .resolve
        .packages
        .iter()
        .map(|(_, package)| package.name.namespace.as_str())
        .chain(["wasi", "airtight"])
        .collect();
    for namespace in namespaces {
        command.arg(format!("--external:{namespace}:*"));
    }
    shop.tools
        .run(&mut command)
        .map(drop)
        .map_err(|error| told(root, error, of_esbuild))
}

fn starlingmonkey(shop: &Workshop<'_>, wit: &Wit, node: &Path, program: &Path, made: &Path) -> Result<(), Error> {
    let root = &shop.project.root;
    let script = root.join(FOLDER).join("componentize.mjs");
    files::write(&script, COMPONENTIZE.as_bytes())?;
    let mut command = shop.tools.command(node);
    command.current_dir(root).arg(&script).arg(program).arg(BUNDLE);
    command.arg(&wit.folder).arg(wit.world_name()).arg(made);
    // Without a `fetch` there is nothing to serve HTTP for; with the import of `wasi:http` there is a `fetch`.
    command.arg("fetch-event");
    let imports = &wit.resolve.worlds[wit.world].imports;
    let http = imports
        .keys()
        .any(|key| wit.resolve.name_world_key(key).starts_with("wasi:http/"));
    if !http {
        command.arg("http");
    }
    shop.tools
        .run(&mut command)
        .map(drop)
        .map_err(|error| told(root, error, |said| of_engine(said, root)))
}

fn quickjs(shop: &Workshop<'_>, wit: &Wit, program: &Path, made: &Path) -> Result<(), Error> {
    let root = &shop.project.root;
    let mut command = shop.tools.command(program);
    command
        .current_dir(root)
        .args(["--js", BUNDLE, "--wit"])
        .arg(&wit.folder);
    command
        .args(["--world", wit.world_name(), "--sync", "--opt-size", "--output"])
        .arg(made);
    shop.tools
        .run(&mut command)
        .map(drop)
        .map_err(|error| told(root, error, |said| of_engine(said, root)))
}

/// A tool's failure as one of the step's sources, where it is one.
fn told(root: &Path, error: Error, find: impl Fn(&str) -> Option<Mistake>) -> Error {
    let Error::Tool {
        program,
        how,
        output,
        help,
    } = error
    else {
        return error;
    };
    if let Some(shown) = find(&output).and_then(|mistake| mistake.shown(root)) {
        return shown;
    }
    let kept = output.lines().filter(|line| !is_noise(line));
    Error::Tool {
        program,
        how,
        output: kept.collect::<Vec<_>>().join("\n"),
        help,
    }
}

/// What a tool says of itself: its own stack and files.
fn is_noise(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("at ") && (line.contains("file:///") || line.contains("node:internal"))
        || line.starts_with("Failed to initialize component (")
        || line.starts_with("Exception while evaluating top-level script")
        || line.is_empty()
}

/// The first mistake that esbuild prints: `✘ [ERROR] MESSAGE`, an empty line, `    FILE:LINE:COLUMN:`.
fn of_esbuild(said: &str) -> Option<Mistake> {
    let (_, rest) = said.split_once("[ERROR] ")?;
    let mut lines = rest.lines();
    let message = lines.next()?.trim().to_owned();
    let place = lines.map(str::trim).find(|line| !line.is_empty())?;
    let mut parts = place.strip_suffix(':')?.rsplitn(3, ':');
    let _column = parts.next()?;
    let line = parts.next()?.parse().ok()?;
    let help = if message.starts_with("Could not resolve") {
        "write the file, or add the package with `npm install --save-dev NAME`; there is nothing of Node in a component"
    } else {
        "mend it; esbuild reads the sources before the engine does"
    };
    Some(Mistake {
        file: inside(parts.next()?)?,
        line,
        message,
        help: help.to_owned(),
    })
}

/// A mistake that an engine found when it loaded the module, at its place in the sources: `FILE:LINE:COLUMN MESSAGE`, or
/// `MESSAGE`, then `at FUNCTION (FILE:LINE:COLUMN)`.
fn of_engine(said: &str, root: &Path) -> Option<Mistake> {
    let at = said.find(BUNDLE)?;
    let mut numbers = said[at + BUNDLE.len()..].splitn(3, ':').skip(1);
    let digits = |text: &str| -> Option<usize> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let line = digits(numbers.next()?)?;
    let rest = numbers.next()?;
    let column = digits(rest)?;
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let message = match after.lines().next().map(str::trim) {
        Some(message) if message.contains("Error") => message,
        _ => said[..at].lines().rev().find(|line| line.contains("Error: "))?,
    };
    let message = message
        .rsplit_once(": Error: ")
        .map_or(message, |(_, last)| last)
        .trim();
    let map = files::text(&root.join(format!("{BUNDLE}.map"))).ok()?;
    let (file, line) = source_map::find(&map, line, column)?;
    Some(Mistake {
        // The map names files from the folder that it is in.
        file: inside(&resolved(Path::new(FOLDER), &file)?)?,
        line,
        message: message.to_owned(),
        help: "mend it; the module is loaded while the step is built, where there is no host to call".to_owned(),
    })
}

/// A relative path that a file in `folder` names, from where `folder` is; none if it leads out of there.
fn resolved(folder: &Path, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A path of the project as a tool prints it.
fn inside(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let plain = path
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    plain.then(|| path.to_owned())
}

/// The version of the npm package that a program belongs to.
fn package_version(program: &Path) -> Option<String> {
    let program = program.canonicalize().ok()?;
    let file = program
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("package.json"))
        .find(|file| file.is_file())?;
    let package: serde_json::Value = serde_json::from_str(&files::text(&file).ok()?).ok()?;
    package.get("version")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place and esbuild's own words are taken from what it prints, and nothing of how it prints it.
    #[test]
    fn a_mistake_that_esbuild_finds_is_placed() {
        let said = "✘ [ERROR] Could not resolve \"./nope.js\"\n\n    src/app.js:3:16:\n      3 │ import {x} from \"./nope.js\"\n        ╵    ~~~\n\n1 error\n";
        let found = of_esbuild(said).expect("there is one");
        assert_eq!((found.file.as_path(), found.line), (Path::new("src/app.js"), 3));
        assert_eq!(found.message, "Could not resolve \"./nope.js\"");
        assert_eq!(of_esbuild("✘ [ERROR] x\n\n    ../../etc/passwd:1:1:\n"), None);
        assert_eq!(of_esbuild("✘ [ERROR] Could not read\n"), None);
    }

    /// Both engines name a place in the one module; a person knows the sources that it was made of.
    #[test]
    fn a_mistake_that_an_engine_finds_is_placed_in_the_sources() {
        let root = tempfile::tempdir().expect("there is a folder");
        std::fs::create_dir_all(root.path().join(FOLDER)).expect("it is made");
        // Line 2 of the module is line 1 of src/app.js, line 4 is line 3.
        let map = r#"{"version":3,"sources":["../../src/app.js"],"mappings":";AAAA;AACA;AACA","names":[]}"#;
        std::fs::write(root.path().join(BUNDLE).with_extension("js.map"), map).expect("it is written");
        let starling = "Exception while evaluating top-level script\nbuild/javascript/app.js:4:3 TypeError: a is undefined\nStack:\n  f@build/javascript/app.js:4:3\n";
        let quick = "Error: : Failed to finish JavaScript module evaluation: Error: a is undefined\n    at f (/build/javascript/app.js:4:10)\n";
        for said in [starling, quick] {
            let found = of_engine(said, root.path()).expect("there is one");
            assert_eq!(
                (found.file.as_path(), found.line),
                (Path::new("src/app.js"), 3),
                "{said}"
            );
            assert!(found.message.ends_with("a is undefined"), "{}", found.message);
        }
    }

    /// Of what cannot be placed, the tool's own stack is left out.
    #[test]
    fn a_failure_without_a_place_is_told_without_the_tools_stack() {
        let output = "Error: \"source.js\" does not export a \"run\" function as expected by the world.\n    at componentize (file:///n/componentize.js:365:11)\n";
        let error = Error::Tool {
            program: "node".to_owned(),
            how: String::new(),
            output: output.to_owned(),
            help: None,
        };
        let Error::Tool { output, .. } = told(Path::new("/"), error, |_| None) else {
            panic!("it has no place");
        };
        assert!(output.ends_with("expected by the world."), "{output}");
    }
}
