//! What a step sees and makes: mounts and outputs; and what the pipeline writes: exports. Not here: file systems.

use std::collections::{BTreeMap, HashMap};

use airtight_model::{Diagnostic, Span};

use super::expression::Place;
use super::{Check, CheckedExport, CheckedStep, Shown};
use crate::ast::{Mount, MountForm};
use crate::codes;
use crate::matrix::Selector;
use crate::nearest::{nearest, quoted};
use crate::paths;

impl<'a> Check<'a> {
    /// Reports a guest path that is not absolute and normal.
    pub(super) fn guest_path(&self, path: &str, span: Span) -> bool {
        let Err(problem) = paths::check_guest(path) else {
            return true;
        };
        let help = match problem.mend {
            Some(mend) => format!("write `{mend}`"),
            None => "write an absolute path, such as `/src`".to_owned(),
        };
        self.error(
            codes::BAD_GUEST_PATH,
            span,
            format!("the path `{path}` {}", problem.reason),
            help,
        );
        false
    }

    /// Checks the mounts of a step and finds what they show.
    pub(super) fn mounts(&self, step: &CheckedStep, edges: &mut Vec<(usize, Span)>) -> Vec<Shown> {
        let mounts = &step.decl.mounts;
        let mut at: BTreeMap<&str, Span> = BTreeMap::new();
        for mount in mounts {
            self.globs(&mount.paths);
            if self.guest_path(&mount.at.text, mount.at.span) && self.mount_place(mount) {
                at.insert(&mount.at.text, mount.at.span);
            }
        }
        // One mount is in no other, and most steps have one.
        for (path, span) in at.iter().filter(|_| at.len() > 1) {
            if let Some((outer, first)) = ancestors(path).find_map(|outer| at.get_key_value(outer)) {
                let message = format!("the mount `{path}` is inside the mount `{outer}`");
                let diagnostic = Diagnostic::error(codes::MOUNT_OVERLAP, *span, message).label(*first, "the outer one");
                self.report(diagnostic.help("give it a path of its own: a mount is one tree, or one file"));
            }
        }
        mounts.iter().map(|mount| self.shown(step, mount, edges)).collect()
    }

    fn mount_place(&self, mount: &Mount) -> bool {
        let path = mount.at.text.as_str();
        if paths::is_within(path, "/tmp") {
            let help = "choose another path: `/tmp` is empty in each step and dropped at its end";
            self.error(
                codes::BAD_GUEST_PATH,
                mount.at.span,
                format!("nothing can be mounted at `{path}`"),
                help,
            );
            return false;
        }
        if path != "/" && paths::is_within(path, "/out") && !mount.writable {
            let message = format!("a mount at `{path}` must be writable: outputs are made there");
            let help = "add `writable: true`, or choose another path";
            self.error(codes::BAD_GUEST_PATH, mount.at.span, message, help);
            return false;
        }
        true
    }

    fn shown(&self, step: &CheckedStep, mount: &Mount, edges: &mut Vec<(usize, Span)>) -> Shown {
        let span = mount.from.span;
        let Some(text) = mount.from.literal_text() else {
            let place = Place::inputs_and_matrix(step);
            mount
                .from
                .expressions(&mut |expression| drop(self.expression(expression, &place)));
            edges.extend(self.deferred_step(mount).map(|step| (step, span)));
            return Shown::Deferred;
        };
        let is_output = match mount.form {
            MountForm::Source => false,
            MountForm::Output => true,
            MountForm::Either => text.contains(['.', '[']),
        };
        if is_output {
            let Some(reference) = self.find_output(text, span) else {
                return Shown::Unknown;
            };
            edges.push((reference.step, span));
            return Shown::Output(reference);
        }
        match self.source_at.get(text) {
            Some(source) => Shown::Source(*source),
            None => {
                self.unknown_source(text, mount.form, span);
                Shown::Unknown
            }
        }
    }

    /// The step whose cell an expression chooses: `build[os=${matrix.os}].app` waits for `build` in any case.
    fn deferred_step(&self, mount: &Mount) -> Option<usize> {
        let crate::template::TemplateKind::Text(parts) = &mount.from.kind else {
            return None;
        };
        let crate::template::Part::Literal(first) = parts.first()? else {
            return None;
        };
        let name = first.split(['[', '.']).next()?;
        self.step_at.get(name).copied()
    }

    fn unknown_source(&self, text: &str, form: MountForm, span: Span) {
        let names = self.sources.iter().map(|source| source.name.as_str());
        let step = self.step_at.get(text).map(|at| &self.steps[*at].decl);
        let help = match (nearest(text, names.clone()), step) {
            (_, Some(step)) if form == MountForm::Either && !step.outputs.is_empty() => {
                format!("write `{text}.{}` for the step's output", step.outputs[0].name.text)
            }
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, _) if self.sources.is_empty() => format!("add `sources: {{ {text}: {{ path: . }} }}`"),
            (None, _) => format!("the sources are {}", quoted(names)),
        };
        self.error(
            codes::UNKNOWN_SOURCE,
            span,
            format!("there is no source `{text}`"),
            help,
        );
    }

    /// Checks that each output lies where the step can write.
    pub(super) fn outputs(&self, step: &CheckedStep) {
        let writable = step
            .decl
            .mounts
            .iter()
            .filter(|mount| mount.writable)
            .map(|mount| mount.at.text.as_str());
        for output in &step.decl.outputs {
            let path = output.path.text.as_str();
            if !self.guest_path(path, output.path.span) {
                continue;
            }
            let placed = paths::is_within(path, "/out") || writable.clone().any(|outer| paths::is_within(path, outer));
            if placed {
                continue;
            }
            let message = format!(
                "the output `{}` is at `{path}`, where the step cannot write",
                output.name.text
            );
            let outer = step
                .decl
                .mounts
                .iter()
                .find(|mount| paths::is_within(path, &mount.at.text));
            let help = match outer {
                Some(mount) => format!(
                    "add `writable: true` to the mount `{}`, or write `/out/{}`",
                    mount.at.text, output.name.text
                ),
                None => format!("write `/out/{}`", output.name.text),
            };
            self.error(codes::OUTPUT_PLACE, output.path.span, message, help);
        }
    }

    pub(super) fn exports(&mut self) {
        let parsed = self.parsed;
        let mut exports: Vec<CheckedExport> = Vec::new();
        let mut at: HashMap<String, Span> = HashMap::new();
        for export in parsed.asts.first().iter().flat_map(|ast| &ast.exports) {
            let to = self
                .host_path(0, &export.to)
                .filter(|to| self.export_place(to, export.to.span));
            let from = self.find_output(&export.from.text, export.from.span);
            let Some(to) = to else {
                continue;
            };
            if let Some(first) = at.insert(to.clone(), export.to.span) {
                let message = format!("two exports write to `{to}`");
                let diagnostic = Diagnostic::error(codes::EXPORT_OVERLAP, export.to.span, message);
                self.report(
                    diagnostic
                        .label(first, "first here")
                        .help("give one of them another path"),
                );
            }
            exports.extend(from.map(|from| CheckedExport {
                to,
                from,
                span: export.to.span,
            }));
        }
        for (path, span) in &at {
            if let Some((outer, first)) = ancestors(path).find_map(|outer| at.get_key_value(outer)) {
                let message = format!("the export `{path}` is inside the export `{outer}`");
                let diagnostic =
                    Diagnostic::error(codes::EXPORT_OVERLAP, *span, message).label(*first, "the outer one");
                self.report(diagnostic.help("give it a path of its own: an export replaces what is there"));
            }
        }
        self.exports = exports;
    }

    fn export_place(&self, to: &str, span: Span) -> bool {
        let refused = if to == "." {
            Some("the pipeline's folder itself cannot be written")
        } else if to.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            Some("nothing is written into `.git`")
        } else if self.files.iter().any(|file| paths::is_within(&file.path, to)) {
            Some("a file of the pipeline would be overwritten")
        } else {
            None
        };
        if let Some(message) = refused {
            self.error(
                codes::BAD_HOST_PATH,
                span,
                message,
                "write a path of its own, such as `dist/NAME`",
            );
        }
        refused.is_none()
    }

    /// Whether a selector stands for the whole of a step: then a folder of cells is meant.
    pub(crate) fn is_whole(selector: &Selector) -> bool {
        matches!(selector, Selector::All)
    }
}

/// The paths above a path, nearest first: `/a` and `/` above `/a/b`, `a` above `a/b`.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let absolute = path.starts_with('/') && path != "/";
    let above = path
        .rmatch_indices('/')
        .filter(|(at, _)| *at > 0)
        .map(|(at, _)| &path[..at]);
    above.chain(absolute.then_some("/"))
}
