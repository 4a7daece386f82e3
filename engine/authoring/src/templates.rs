//! New projects: the templates of `sdk/LANGUAGE/KIND`, with the step's name put in. Not here: writing them, and whether the folder is free.

use airtight_pipeline::{Language, StepKind};

use crate::embedded::TEMPLATES;

/// A file of a new project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Its path in the project.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What is put into a template.
#[derive(Debug, Clone)]
pub struct Names<'a> {
    /// The step's name, in kebab case.
    pub name: &'a str,
    /// The line of a Cargo.toml that brings the SDK for Rust.
    pub airtight_step_dependency: &'a str,
}

/// The suffix of files that a tool would act upon in the templates' own place.
const SUFFIX: &str = ".in";

/// The files of a new project, or none if there is no template for that language and kind.
pub fn files(language: Language, kind: StepKind, names: &Names<'_>) -> Option<Vec<TemplateFile>> {
    let which = format!("{}/{}", language.word(), kind.word());
    let files: Vec<TemplateFile> = TEMPLATES
        .iter()
        .filter(|(template, ..)| *template == which)
        .map(|(_, path, bytes)| {
            let path = fill(path.strip_suffix(SUFFIX).unwrap_or(path), names);
            let bytes = match std::str::from_utf8(bytes) {
                Ok(text) => fill(text, names).into_bytes(),
                Err(_) => bytes.to_vec(),
            };
            TemplateFile { path, bytes }
        })
        .collect();
    (!files.is_empty()).then_some(files)
}

/// The kinds that a language has templates for.
pub fn kinds(language: Language) -> Vec<StepKind> {
    let has = |kind: &StepKind| {
        let which = format!("{}/{}", language.word(), kind.word());
        TEMPLATES.iter().any(|(template, ..)| *template == which)
    };
    StepKind::ALL.into_iter().map(|(_, kind)| kind).filter(has).collect()
}

/// The languages that there are templates for.
pub fn languages() -> Vec<Language> {
    let all = Language::ALL.into_iter().map(|(_, language)| language);
    all.filter(|language| !kinds(*language).is_empty()).collect()
}

/// Whether WIT, crates and packages of every language take it as a name.
///
/// # Errors
/// A name that they take, as near to it as can be.
pub fn check_name(name: &str) -> Result<(), String> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if name.split('-').all(word) && name.len() <= 64 {
        return Ok(());
    }
    let mut mended = String::new();
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() => mended.push(c),
            // A word begins with a letter.
            c if c.is_ascii_digit() && !mended.is_empty() && !mended.ends_with('-') => mended.push(c),
            _ if !mended.is_empty() && !mended.ends_with('-') => mended.push('-'),
            _ => {}
        }
    }
    mended.truncate(64);
    let mended = mended.trim_matches('-');
    Err(if mended.is_empty() { "my-step" } else { mended }.to_owned())
}

fn fill(text: &str, names: &Names<'_>) -> String {
    text.replace("{{name}}", names.name)
        .replace("{{name_snake}}", &names.name.replace('-', "_"))
        .replace("{{airtight_step_dependency}}", names.airtight_step_dependency)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is put in stands in contents and in paths, and the suffix is gone.
    #[test]
    fn names_are_put_in() {
        let names = Names {
            name: "my-step",
            airtight_step_dependency: "airtight-step = \"0.1\"",
        };
        assert_eq!(fill("{{name}} {{name_snake}} {{x}}", &names), "my-step my_step {{x}}");
        let files = files(Language::Wat, StepKind::Function, &names).expect("there is a template");
        assert!(files.iter().all(|file| !file.path.ends_with(SUFFIX)));
        let all: Vec<u8> = files.iter().flat_map(|file| file.bytes.clone()).collect();
        let all = String::from_utf8_lossy(&all);
        assert!(all.contains("my-step") && !all.contains("{{name"), "{all}");
    }

    /// Every language but that of finished binaries can be started, with both kinds.
    #[test]
    fn every_language_has_both_kinds() {
        for (word, language) in Language::ALL {
            let expected = if language == Language::Wasm { 0 } else { 2 };
            assert_eq!(kinds(language).len(), expected, "{word}");
        }
    }

    /// A name that WIT would refuse is refused with one that it takes.
    #[test]
    fn a_name_is_one_that_all_take() {
        for name in ["a", "my-step", "scan2", "a-b-c"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let mended =
            ["My_Step", "2fast", "a--b", "x-1", "", "../up", "é"].map(|name| check_name(name).expect_err(name));
        assert_eq!(mended, ["my-step", "fast", "a-b", "x", "my-step", "up", "my-step"]);
    }
}
