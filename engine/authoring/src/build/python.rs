//! Steps in Python: `componentize-py` loads the sources into CPython and makes a component of what is in memory then. Not here: that
//! program, which is the project's own (`requirements.txt`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::sources::Mistake;
use super::{Raw, Workshop};
use crate::error::Error;
use crate::files;

/// The folders of a virtual environment in a project.
const ENVIRONMENTS: [&str; 2] = [".venv", "venv"];

/// Makes the component.
pub(super) fn build(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let root = &shop.project.root;
    let entry = shop.entry(&["src/app.py", "app.py"])?;
    let wit = shop.wit()?;
    let (folder, module) = module(root, &entry)?;
    let environment = ENVIRONMENTS
        .iter()
        .map(|name| root.join(name))
        .find(|path| path.is_dir());
    let own: Vec<PathBuf> = environment.iter().map(|path| path.join("bin")).collect();
    let program = shop.tools.need(
        &["componentize-py"],
        &own,
        "a step in Python",
        &[
            "in the project's folder: `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt`",
            "with the line `componentize-py==0.25.1` in requirements.txt",
        ],
    )?;
    let made = shop.folder("python")?.join("step.wasm");
    let mut command = shop.tools.command(&program);
    command
        .current_dir(root)
        // Its own backtraces tell nothing about the step.
        .env_remove("RUST_BACKTRACE")
        .env_remove("PYTHONPATH");
    match &environment {
        // It looks for packages there, besides the sources.
        Some(path) => command.env("VIRTUAL_ENV", path),
        None => command.env_remove("VIRTUAL_ENV"),
    };
    command
        .arg("--quiet")
        .arg("--wit-path")
        .arg(&wit.folder)
        .args(["--world", wit.world_name(), "componentize", "--python-path"])
        .arg(&folder)
        .arg(&module)
        .arg("--output")
        .arg(&made);
    let said = |error| told(root, &folder, error);
    shop.tools.run(&mut command).map_err(said)?;
    let version = shop.tools.run(shop.tools.command(&program).arg("--version"))?;
    let version = version.split_whitespace().last().unwrap_or_default().to_owned();
    Ok(Raw {
        wasm: files::binary(&made)?,
        language: ("Python".to_owned(), "3.14".to_owned()),
        tools: vec![("componentize-py".to_owned(), version)],
    })
}

/// The folder that is searched for modules, from the project's, and the name of the one to load.
fn module(root: &Path, entry: &Path) -> Result<(PathBuf, OsString), Error> {
    let name = entry.file_stem().unwrap_or_default().to_owned();
    let is_identifier = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    if !name.to_str().is_some_and(is_identifier) {
        let message = format!("`{}` cannot be imported as a module", name.display());
        return Err(Error::project(
            "A0009",
            message,
            "give the file a name of letters, digits and `_`, for example `src/app.py`",
        ));
    }
    let folder = entry.parent().unwrap_or(root);
    let folder = folder.strip_prefix(root).unwrap_or(folder);
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    Ok((folder.to_owned(), name))
}

/// The tool's failure as one of the step's sources, where it is one.
fn told(root: &Path, folder: &Path, error: Error) -> Error {
    let Error::Tool {
        program, how, output, ..
    } = error
    else {
        return error;
    };
    let said = guest(&output);
    if let Some(shown) = mistake(said, folder).and_then(|mistake| mistake.shown(root)) {
        return shown;
    }
    let help = said.contains("has no attribute").then(|| {
        "define the class that the world in `wit/` asks for: `class WitWorld(wit_world.WitWorld)` for a function, `class \
         Run(exports.Run)` for a program"
            .to_owned()
    });
    Error::Tool {
        program,
        how,
        output: said.to_owned(),
        help,
    }
}

/// What Python said inside, without what the tool says about itself around it.
fn guest(output: &str) -> &str {
    let inside = output
        .split_once("AssertionError: ")
        .map_or(output, |(_, inside)| inside);
    let end = ["\nCaused by:", "\nStack backtrace:"]
        .iter()
        .filter_map(|word| inside.find(word))
        .min();
    inside[..end.unwrap_or(inside.len())].trim_end()
}

/// The mistake that a traceback ends with, at the innermost place in the step's own sources: inside they are the folder `/0`.
fn mistake(said: &str, folder: &Path) -> Option<Mistake> {
    let mut places = said.lines().filter_map(|line| {
        let (file, rest) = line.trim().strip_prefix("File \"/0/")?.split_once("\", line ")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        let inside = Path::new(file);
        let plain = inside
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        plain.then_some((folder.join(inside), digits.parse().ok()?))
    });
    let (file, line) = places.next_back()?;
    let message = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())?
        .trim()
        .to_owned();
    let help = if message.starts_with("ModuleNotFoundError") {
        "add the package to requirements.txt and install it (pure Python only), or write the module beside this file"
    } else {
        "mend it; modules are loaded while the step is built, where there is no host to call"
    };
    Some(Mistake {
        file,
        line,
        message,
        help: help.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: &str = "Traceback (most recent call last):
  File \"/home/u/.venv/bin/componentize-py\", line 8, in <module>
    sys.exit(script())
AssertionError:   File \"/0/app.py\", line 22
    search.folder(path
                 ^
SyntaxError: '(' was never closed


Caused by:
    SyntaxError: '(' was never closed (app.py, line 22)

Stack backtrace:
   0: <anyhow::Error>::msg::<alloc::string::String>
";

    /// A person sees the line of the source and Python's own words, not the inside of the tool.
    #[test]
    fn a_mistake_in_the_sources_is_found_in_what_the_tool_says() {
        let found = mistake(guest(SYNTAX), Path::new("src")).expect("there is one");
        assert_eq!(found.file, Path::new("src/app.py"));
        assert_eq!(
            (found.line, found.message.as_str()),
            (22, "SyntaxError: '(' was never closed")
        );
        let nested = SYNTAX.replace(
            "  File \"/0/app.py\", line 22",
            "  File \"/0/app.py\", line 3, in <module>\n    import sub.find\n  File \"/0/sub/find.py\", line 7",
        );
        let found = mistake(guest(&nested), Path::new("src")).expect("there is one");
        assert_eq!((found.file.as_path(), found.line), (Path::new("src/sub/find.py"), 7));
    }

    /// The text comes from a program: a path in it must not lead out of the project.
    #[test]
    fn a_place_outside_the_sources_is_none() {
        let outside = SYNTAX.replace("/0/app.py", "/0/../../etc/passwd");
        assert_eq!(mistake(guest(&outside), Path::new("src")), None);
        let library = SYNTAX.replace("/0/app.py", "/python/json.py");
        assert_eq!(mistake(guest(&library), Path::new("src")), None);
    }

    /// What cannot be placed is still told without the tool's own stack.
    #[test]
    fn what_is_left_of_other_failures_is_what_python_said() {
        let failure = SYNTAX.replace(
            "  File \"/0/app.py\", line 22\n    search.folder(path\n                 ^\n",
            "",
        );
        assert_eq!(guest(&failure), "SyntaxError: '(' was never closed");
    }

    /// The name of the file becomes the name of a module.
    #[test]
    fn a_file_that_is_no_module_is_refused() {
        let root = Path::new("/p");
        let (folder, name) = module(root, Path::new("/p/src/app.py")).expect("it is one");
        assert_eq!((folder.as_path(), name.to_str()), (Path::new("src"), Some("app")));
        assert_eq!(
            module(root, Path::new("/p/app.py")).expect("it is one").0,
            Path::new(".")
        );
        assert!(module(root, Path::new("/p/src/my-app.py")).is_err());
    }
}
