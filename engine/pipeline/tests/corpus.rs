//! The fuzz corpora of the pipeline parser, of expressions, locks and policies, replayed: each ends in a plan, a value or
//! diagnostics whose places are in the file, and never in a panic.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/catalog.rs"]
mod catalog;

use std::fs;
use std::path::Path;

use airtight_model::plan::{Evaluator, Scope};
use airtight_pipeline::lock::{Lock, changes};
use airtight_pipeline::policy::Policy;
use airtight_pipeline::{CelEvaluator, PlanRequest, check, parse, plan};
use proptest::prelude::*;

fn corpus(target: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let texts = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap());
    texts
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

fn try_pipeline(text: &str) {
    // What is included is the text itself under other names: cycles, collisions and fragments come for free.
    let parsed = parse("airtight.yaml", text.to_owned(), &|_| Ok(text.to_owned()));
    let (checked, found) = check(&parsed, &catalog::Invented);
    for label in found.iter().flat_map(|diagnostic| &diagnostic.labels) {
        let file = &parsed.files[label.span.file as usize].text;
        assert!(
            file.get(label.span.start as usize..label.span.end as usize).is_some(),
            "{:?} {text:?}",
            label.span
        );
    }
    if let Some(checked) = checked {
        let _ = plan(&checked, &PlanRequest::default());
    }
}

// Every text that once was of interest still ends as it should.
#[test]
fn the_corpus_of_pipelines_never_panics() {
    let texts = corpus("pipeline");
    assert!(texts.len() > 10);
    texts.iter().for_each(|text| try_pipeline(text));
}

// The same for expressions, whose parser is a crate's.
#[test]
fn the_corpus_of_expressions_never_panics() {
    let evaluator = CelEvaluator::default();
    let texts = corpus("expression");
    assert!(texts.len() > 10);
    for text in texts {
        let _ = evaluator.evaluate(&text, &Scope::default());
    }
}

fn in_the_file(found: &[airtight_model::Diagnostic], text: &str) {
    for label in found.iter().flat_map(|diagnostic| &diagnostic.labels) {
        let place = label.span.start as usize..label.span.end as usize;
        assert!(text.get(place).is_some(), "{:?} {text:?}", label.span);
    }
}

fn try_lock(text: &str) {
    match Lock::parse(text, 0) {
        Ok(lock) => {
            assert_eq!(Lock::parse(&lock.to_text(), 0).as_ref(), Ok(&lock), "{text}");
            assert_eq!(changes(&lock, &lock), [], "{text}");
        }
        Err(found) => in_the_file(&found, text),
    }
}

fn try_policy(text: &str) {
    if let Err(found) = Policy::parse(text, 0) {
        in_the_file(&found, text);
    }
}

// A lock comes from whoever changes the pipeline.
#[test]
fn the_corpus_of_locks_never_panics() {
    let texts = corpus("lock");
    assert!(texts.len() > 10);
    texts.iter().for_each(|text| try_lock(text));
}

// The same for policies.
#[test]
fn the_corpus_of_policies_never_panics() {
    let texts = corpus("policy_file");
    assert!(texts.len() > 10);
    texts.iter().for_each(|text| try_policy(text));
}

/// A text with a part of it replaced.
fn damage(text: &str, at: usize, cut: usize, put: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = at.min(chars.len());
    let end = (at + cut).min(chars.len());
    chars[..at]
        .iter()
        .copied()
        .chain(put.chars())
        .chain(chars[end..].iter().copied())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    // A file cut or altered anywhere is refused or read, never a panic: an editor saves half a line.
    #[test]
    fn damaged_pipelines_never_panic(which in 0usize..100, at in 0usize..3000, put in "[\\[\\]{}:,$'\"&*|>%@#\\-\n\t é0-9a-z]{0,3}", cut in 0usize..20) {
        let texts = corpus("pipeline");
        let text = &texts[which % texts.len()];
        try_pipeline(&damage(text, at, cut, &put));
    }

    // The same for locks and policies.
    #[test]
    fn damaged_locks_and_policies_never_panic(which in 0usize..100, at in 0usize..2000, put in "[\\[\\]{}:,='\"#*.\n é0-9a-z]{0,3}", cut in 0usize..20) {
        for (target, attempt) in [("lock", try_lock as fn(&str)), ("policy_file", try_policy)] {
            let texts = corpus(target);
            attempt(&damage(&texts[which % texts.len()], at, cut, &put));
        }
    }

    // Expressions made of the language's own pieces, in any order.
    #[test]
    fn random_expressions_never_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "1", "-", "!", "(", ")", "[", "]", "{", "}", "'a'", "\"", "'", ".", "?", ":", "&&", "||", "inputs", "steps", "x", ",", "map(", "has(", "`", "\\",
        "size(", "exists(", "==", "<", "in", " ", "1.5", "u", "r'", "'''", "é", "null", "//", "%", "9223372036854775807", "@",
    ]), 0..24)) {
        let _ = CelEvaluator::default().evaluate(&pieces.concat(), &Scope::default());
    }
}

fn try_step_file(text: &str) {
    if let Err(found) = airtight_pipeline::parse_step_file(text) {
        assert!(!found.is_empty(), "{text:?}");
        in_the_file(&found, text);
    }
}

// A step's file comes with a stranger's project.
#[test]
fn the_corpus_of_step_files_never_panics() {
    let texts = corpus("step_file");
    assert!(texts.len() > 3);
    for text in texts {
        try_step_file(&text);
        // A file that is cut anywhere is refused or read, and never more.
        for (at, _) in text.char_indices() {
            try_step_file(&text[..at]);
        }
    }
}
