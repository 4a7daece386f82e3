//! Renders diagnostics as rustc does. Not here: which there are.

use airtight_model::diagnostic::{Diagnostic, Severity, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::escape;

/// A file that diagnostics point into.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// The path as the user knows it.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

/// Renders all diagnostics, in the order of their places, followed by one line that counts them.
pub(crate) fn render(diagnostics: &[Diagnostic], files: &[SourceFile], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let safe: Vec<SourceFile> = files.iter().map(without_controls).collect();
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    let mut parts: Vec<String> = sorted.iter().map(|one| render_one(one, &safe, &renderer)).collect();
    parts.push(count(diagnostics));
    parts.join("\n\n")
}

/// The file with each control character replaced by a space, so that byte offsets stay true.
fn without_controls(file: &SourceFile) -> SourceFile {
    let text = file.text.chars().map(|c| {
        if c.is_ascii_control() && c != '\n' && c != '\t' {
            ' '
        } else {
            c
        }
    });
    SourceFile {
        name: escape::line(&file.name).into_owned(),
        text: text.collect(),
    }
}

fn render_one(diagnostic: &Diagnostic, files: &[SourceFile], renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(
        level
            .primary_title(escape::line(&diagnostic.message))
            .id(diagnostic.code),
    );
    let mut by_file: Vec<u32> = diagnostic.labels.iter().map(|label| label.span.file).collect();
    by_file.dedup();
    for file in by_file {
        let Some(source) = files.get(file as usize) else {
            continue;
        };
        let mut snippet = Snippet::source(source.text.as_str()).path(source.name.as_str());
        for (i, label) in diagnostic
            .labels
            .iter()
            .enumerate()
            .filter(|(_, label)| label.span.file == file)
        {
            let kind = if i == 0 {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let annotation = kind.span(range(label.span, &source.text));
            let text = (!label.text.is_empty()).then(|| escape::line(&label.text));
            snippet = snippet.annotation(annotation.label(text));
        }
        group = group.element(snippet);
    }
    let help: Vec<String> = diagnostic
        .help
        .iter()
        .flat_map(|help| help.lines())
        .map(|line| escape::line(line).into_owned())
        .collect();
    for line in &help {
        group = group.element(Level::HELP.message(line.as_str()));
    }
    renderer.render(&[group])
}

/// The span as a range that lies in the text and on its character boundaries.
fn range(span: Span, text: &str) -> std::ops::Range<usize> {
    let floor = |at: u32| {
        let mut at = (at as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start), floor(span.end));
    start..end.max(start)
}

fn count(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, warnings) => plural(warnings, "warning"),
        (errors, 0) => plural(errors, "error"),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}
