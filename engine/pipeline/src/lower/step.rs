//! Nodes to a step. Not here: looking up what it refers to.

use std::sync::Arc;

use airtight_model::plan::When;
use airtight_model::step::{DEFAULT_CLOCK_BASE, Limits, Outcome};
use airtight_model::{Diagnostic, Span};

use super::Lower;
use crate::ast::{At, Axis, Condition, Matrix, Mount, MountForm, Output, Retry, Step};
use crate::codes;
use crate::keys;
use crate::node::{Entry, Kind, Name, Node};
use crate::template::{Expression, Template, TemplateKind};
use crate::units;

/// The most attempts that `retry:` may add.
const MAX_RETRIES: u64 = 100;
/// The most cells of a matrix that may run at a time.
const MAX_PARALLEL: u64 = 10_000;
const OUTCOMES: [(&str, Outcome); 4] = [
    ("errored", Outcome::Errored),
    ("timed-out", Outcome::TimedOut),
    ("failed", Outcome::Failed),
    ("denied", Outcome::Denied),
];
const WHEN: [(&str, When); 3] = [
    ("on-success", When::OnSuccess),
    ("on-failure", When::OnFailure),
    ("always", When::Always),
];

impl Lower<'_> {
    pub(super) fn step(&mut self, name: &Name, node: &Node) -> Option<Arc<Step>> {
        let mut step = empty_step(name);
        // A step that cannot be read is a step still: what refers to it is not wrong too.
        let Some(entries) = self.map(node, "a step") else {
            return Some(Arc::new(step));
        };
        for entry in entries {
            if !self.step_call(&mut step, entry) && !self.step_place(&mut step, entry) {
                self.step_order(&mut step, entry);
            }
        }
        if !entries.iter().any(|entry| entry.key.text == "uses") {
            let message = format!("the step `{}` does not say which component it runs", name.text);
            self.missing(name.span, &message, "uses: std/NAME");
        }
        Some(Arc::new(step))
    }

    /// The keys that say what runs and how it is called.
    fn step_call(&mut self, step: &mut Step, Entry { key, value }: &Entry) -> bool {
        match key.text.as_str() {
            "uses" => step.uses = self.literal(value, "uses"),
            "function" => step.function = self.literal(value, "function"),
            "with" => {
                let entries = self.map(value, "with").unwrap_or_default();
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), self.template(&entry.value)))
                    .collect();
                step.with = Some(At {
                    value: pairs,
                    span: key.span,
                });
            }
            "args" => {
                let items = self.list(value, "args").iter();
                let items = items
                    .filter_map(|item| self.text_template(item, "an argument"))
                    .collect();
                step.args = Some(At {
                    value: items,
                    span: key.span,
                });
            }
            "env" => step.env = self.environment(value),
            "stdin" => step.stdin = self.text_template(value, "stdin"),
            "cwd" => step.cwd = self.text_template(value, "cwd"),
            _ => return false,
        }
        true
    }

    /// The keys that say what it sees, makes and may use.
    fn step_place(&mut self, step: &mut Step, Entry { key, value }: &Entry) -> bool {
        match key.text.as_str() {
            "mounts" => {
                let entries = self.map(value, "mounts").unwrap_or_default();
                step.mounts = entries
                    .iter()
                    .filter_map(|entry| self.mount(&entry.key, &entry.value))
                    .collect();
            }
            "outputs" => {
                let entries = self.map(value, "outputs").unwrap_or_default();
                step.outputs = entries
                    .iter()
                    .filter_map(|entry| self.output(&entry.key, &entry.value))
                    .collect();
            }
            "limits" => step.limits = self.limits(value),
            "clock" => step.clock_base = self.clock(value).unwrap_or(DEFAULT_CLOCK_BASE),
            "grants" => self.not_available(
                key.span,
                "`grants:` is not available in this version: a step has its mounts and nothing else",
                "remove `grants:`",
            ),
            _ => return false,
        }
        true
    }

    /// The keys that say when it runs.
    fn step_order(&mut self, step: &mut Step, Entry { key, value }: &Entry) {
        match key.text.as_str() {
            "if" => step.condition = self.condition(value),
            "after" => step.after = self.names(value, "after"),
            "when" => step.when = self.word(value, "when", &WHEN).unwrap_or_default(),
            "stage" => step.stage = self.literal(value, "stage"),
            "allow-failure" => step.allow_failure = self.boolean(value, "allow-failure").unwrap_or(false),
            "retry" => step.retry = self.retry(value),
            "matrix" => step.matrix = self.matrix(value),
            "description" => drop(self.string(value, "description")),
            _ => self.unknown_key(key, keys::STEP, "a step"),
        }
    }

    fn not_available(&mut self, span: Span, message: &str, help: &str) {
        self.found
            .push(Diagnostic::error(codes::NOT_AVAILABLE, span, message).help(help));
    }

    fn template(&mut self, node: &Node) -> Template {
        Template::read(node, self.text, self.found)
    }

    /// A text that may hold expressions.
    fn text_template(&mut self, node: &Node, what: &str) -> Option<Template> {
        self.string(node, what)?;
        Some(self.template(node))
    }

    fn environment(&mut self, node: &Node) -> Vec<(Name, Template)> {
        let mut all = Vec::new();
        for Entry { key, value } in self.map(node, "env").unwrap_or_default() {
            if key.text.is_empty() || key.text.contains(['=', '\0']) {
                let message = format!("`{}` cannot be the name of a variable", key.text);
                let help = "a variable's name is not empty and has no `=`";
                self.found
                    .push(Diagnostic::error(codes::BAD_NAME, key.span, message).help(help));
            }
            if let Some(template) = self.text_template(value, "a variable") {
                all.push((key.clone(), template));
            }
        }
        all
    }

    fn mount(&mut self, at: &Name, node: &Node) -> Option<Mount> {
        let mount = |form, from| Mount {
            at: at.clone(),
            form,
            from,
            paths: Vec::new(),
            writable: false,
        };
        if matches!(node.kind, Kind::Text(_)) {
            let from = self.template(node);
            return Some(mount(MountForm::Either, from));
        }
        let entries = self.map(node, "a mount")?;
        let mut from: Vec<(MountForm, Template, Span)> = Vec::new();
        let (mut paths, mut writable) = (Vec::new(), false);
        for Entry { key, value } in entries {
            match key.text.as_str() {
                "source" => from.extend(
                    self.text_template(value, "source")
                        .map(|x| (MountForm::Source, x, key.span)),
                ),
                "output" => from.extend(
                    self.text_template(value, "output")
                        .map(|x| (MountForm::Output, x, key.span)),
                ),
                "paths" => paths = self.names(value, "paths"),
                "writable" => writable = self.boolean(value, "writable").unwrap_or(false),
                _ => self.unknown_key(key, keys::MOUNT, "a mount"),
            }
        }
        if let [_, (_, _, second)] = from.as_slice() {
            let found = Diagnostic::error(
                codes::BAD_REFERENCE,
                *second,
                "a mount takes either a source or an output",
            );
            self.found.push(found.help("remove `source:` or `output:`"));
        }
        if !entries
            .iter()
            .any(|entry| matches!(entry.key.text.as_str(), "source" | "output"))
        {
            let message = format!("the mount `{}` does not say what it shows", at.text);
            self.missing(at.span, &message, "source: NAME");
        }
        let (form, from, _) = from.into_iter().next()?;
        Some(Mount {
            paths,
            writable,
            ..mount(form, from)
        })
    }

    fn output(&mut self, name: &Name, node: &Node) -> Option<Output> {
        self.check_name(name);
        if matches!(node.kind, Kind::Text(_)) {
            let path = self.literal(node, "an output").unwrap_or_else(|| Name {
                text: "/out".to_owned(),
                span: node.span,
            });
            return Some(Output {
                name: name.clone(),
                path,
            });
        }
        let entries = self.map(node, "an output")?;
        let mut path = None;
        for Entry { key, value } in entries {
            match key.text.as_str() {
                "path" => path = self.literal(value, "path"),
                pin if keys::PINS.contains(&pin) => {
                    let message = format!("`{pin}:` is not available in this version: outputs cannot be pinned yet");
                    self.not_available(key.span, &message, &format!("remove `{pin}:`"));
                }
                _ => self.unknown_key(key, keys::OUTPUT, "an output"),
            }
        }
        if !entries.iter().any(|entry| entry.key.text == "path") {
            let message = format!("the output `{}` has no path", name.text);
            self.missing(name.span, &message, &format!("path: /out/{}", name.text));
        }
        // Where the path is wrong, the output is there still: what refers to it is not wrong too.
        let path = path.unwrap_or_else(|| Name {
            text: "/out".to_owned(),
            span: name.span,
        });
        Some(Output {
            name: name.clone(),
            path,
        })
    }

    fn limits(&mut self, node: &Node) -> Limits {
        let mut limits = Limits::DEFAULT;
        for Entry { key, value } in self.map(node, "limits").unwrap_or_default() {
            match key.text.as_str() {
                "memory" => limits.memory = self.size(value, "memory").unwrap_or(limits.memory),
                "output" => limits.output = self.size(value, "output").unwrap_or(limits.output),
                "log" => limits.log = self.size(value, "log").unwrap_or(limits.log),
                "time" if value.text() == Some("none") => limits.time_ms = None,
                "time" => limits.time_ms = self.time(value, "time").or(limits.time_ms),
                "files" => limits.files = self.whole(value, "files", 0, u64::MAX).unwrap_or(limits.files),
                "handles" => {
                    let handles = self.whole(value, "handles", 3, 1_000_000);
                    limits.handles = handles.and_then(|x| u32::try_from(x).ok()).unwrap_or(limits.handles);
                }
                "fuel" => limits.fuel = self.whole(value, "fuel", 1, u64::MAX),
                _ => self.unknown_key(key, keys::LIMITS, "limits"),
            }
        }
        limits
    }

    fn size(&mut self, node: &Node, what: &str) -> Option<u64> {
        let size = match &node.kind {
            Kind::Number(number) => number.as_u64(),
            Kind::Text(text) => units::size(text),
            _ => None,
        };
        if size.is_none() {
            let message = format!("`{what}:` takes a size, not `{}`", self.raw(node.span));
            let help = "write a whole number with `KiB`, `MiB` or `GiB`, for example `256MiB`";
            self.found
                .push(Diagnostic::error(codes::BAD_QUANTITY, node.span, message).help(help));
        }
        size
    }

    fn time(&mut self, node: &Node, what: &str) -> Option<u64> {
        let time = node.text().and_then(units::time_ms).filter(|time| *time > 0);
        if time.is_none() {
            let message = format!("`{what}:` takes a time, not `{}`", self.raw(node.span));
            let help = match &node.kind {
                Kind::Number(number) => format!("write the unit too, for example `{number}s`"),
                _ => "write a whole number with `ms`, `s`, `m` or `h`, for example `90s` or `1h30m`".to_owned(),
            };
            self.found
                .push(Diagnostic::error(codes::BAD_QUANTITY, node.span, message).help(help));
        }
        time
    }

    fn clock(&mut self, node: &Node) -> Option<u64> {
        let moment = match &node.kind {
            Kind::Number(number) => number.as_u64(),
            Kind::Text(text) if text == "real" => {
                let message = "`clock: real` is not available in this version: it needs a grant";
                self.not_available(
                    node.span,
                    message,
                    "remove `clock:`, or write a moment such as `2026-01-01T00:00:00Z`",
                );
                return None;
            }
            Kind::Text(text) => units::moment(text),
            _ => None,
        };
        if moment.is_none() {
            let message = format!("`clock:` takes a moment from 1970 on, not `{}`", self.raw(node.span));
            let help = "write it as `2026-01-01T00:00:00Z`, or as whole seconds since 1970";
            self.found
                .push(Diagnostic::error(codes::BAD_CLOCK, node.span, message).help(help));
        }
        moment
    }

    fn condition(&mut self, node: &Node) -> Option<Condition> {
        if let Kind::Bool(x) = node.kind {
            return Some(Condition::Literal(x));
        }
        let text = self.string(node, "if")?.text;
        if let Template {
            kind: TemplateKind::Expression(expression),
            ..
        } = self.template(node)
        {
            return Some(Condition::Expression(expression));
        }
        if text.contains("${") {
            let found = Diagnostic::error(codes::EXPRESSION_PLACE, node.span, "`if:` is an expression as a whole");
            self.found.push(found.help("write it without `${` and `}`"));
            return None;
        }
        let trimmed = text.trim();
        let at = self.raw(node.span).find(trimmed).filter(|_| !trimmed.is_empty());
        let span = at.map_or(node.span, |at| {
            let start = node.span.start + at as u32;
            Span {
                start,
                end: start + trimmed.len() as u32,
                ..node.span
            }
        });
        Some(Condition::Expression(Expression {
            text: trimmed.to_owned(),
            span,
            exact: at.is_some(),
        }))
    }

    fn retry(&mut self, node: &Node) -> Option<Retry> {
        let mut retry = Retry {
            times: 1,
            on: Vec::new(),
            backoff_ms: 0,
        };
        let times = |lower: &mut Self, node: &Node| {
            lower
                .whole(node, "retry", 0, MAX_RETRIES)
                .and_then(|x| u32::try_from(x).ok())
                .unwrap_or(1)
        };
        if matches!(node.kind, Kind::Number(_)) {
            retry.times = times(self, node);
        } else {
            for Entry { key, value } in self.map(node, "retry")? {
                match key.text.as_str() {
                    "times" => retry.times = times(self, value),
                    "backoff" => retry.backoff_ms = self.time(value, "backoff").unwrap_or(0),
                    "on" => {
                        let one = std::slice::from_ref(value);
                        let items = if matches!(value.kind, Kind::Text(_)) {
                            one
                        } else {
                            self.list(value, "on")
                        };
                        for item in items {
                            let outcome = self.word(item, "on", &OUTCOMES);
                            retry.on.extend(outcome.map(|value| At { value, span: item.span }));
                        }
                    }
                    _ => self.unknown_key(key, keys::RETRY, "retry"),
                }
            }
        }
        (retry.times > 0).then_some(retry)
    }

    fn matrix(&mut self, node: &Node) -> Option<Matrix> {
        let entries = self.map(node, "matrix")?;
        let mut matrix = Matrix {
            span: node.span,
            axes: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            max_parallel: None,
            fail_fast: true,
            faulty: false,
        };
        for Entry { key, value } in entries {
            match key.text.as_str() {
                "include" => matrix.include = self.cells(value, "include"),
                "exclude" => matrix.exclude = self.cells(value, "exclude"),
                "max-parallel" => {
                    let most = self.whole(value, "max-parallel", 1, MAX_PARALLEL);
                    matrix.max_parallel = most.and_then(|x| u32::try_from(x).ok());
                }
                "fail-fast" => matrix.fail_fast = self.boolean(value, "fail-fast").unwrap_or(true),
                _ => {
                    self.check_name(key);
                    match self.axis(key, value) {
                        Some(axis) => matrix.axes.push((key.clone(), axis)),
                        None => matrix.faulty = true,
                    }
                }
            }
        }
        Some(matrix)
    }

    fn axis(&mut self, key: &Name, node: &Node) -> Option<Axis> {
        if let Template {
            kind: TemplateKind::Expression(expression),
            ..
        } = self.template(node)
        {
            return Some(Axis::Expression(expression));
        }
        if !matches!(node.kind, Kind::List(_)) {
            let help = match crate::nearest::nearest(&key.text, keys::MATRIX.iter().copied()) {
                Some(near) => format!("did you mean `{near}:`?"),
                None => format!("write `[ {} ]`", self.raw(node.span)),
            };
            self.wrong_type(node, "an axis", "a list", Some(help));
            return None;
        }
        let items = self.list(node, &key.text).iter();
        Some(Axis::Values(
            items
                .map(|item| At {
                    value: item.to_data(),
                    span: item.span,
                })
                .collect(),
        ))
    }

    fn cells(&mut self, node: &Node, what: &str) -> Vec<At<Vec<(Name, serde_json::Value)>>> {
        let mut cells = Vec::new();
        for item in self.list(node, what) {
            if let Some(entries) = self.map(item, "a cell") {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_data()))
                    .collect();
                cells.push(At {
                    value: pairs,
                    span: item.span,
                });
            }
        }
        cells
    }
}

fn empty_step(name: &Name) -> Step {
    Step {
        name: name.clone(),
        uses: None,
        function: None,
        with: None,
        args: None,
        env: Vec::new(),
        stdin: None,
        cwd: None,
        mounts: Vec::new(),
        outputs: Vec::new(),
        limits: Limits::DEFAULT,
        clock_base: DEFAULT_CLOCK_BASE,
        condition: None,
        after: Vec::new(),
        when: When::default(),
        stage: None,
        allow_failure: false,
        retry: None,
        matrix: None,
    }
}
