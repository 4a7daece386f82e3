//! Nodes to a step. Not here: looking up what it refers to.

use std::sync::Arc;

use airtight_model::plan::When;
use airtight_model::step::{DEFAULT_CLOCK_BASE, Limits, Outcome, Pin};
use airtight_model::{BlobDigest, Diagnostic, Span, TreeDigest};

use super::Lower;
use crate::ast::{At, Axis, Condition, Granted, Matrix, Mount, MountForm, Output, Retry, Step};
use crate::codes;
use crate::keys;
use crate::node::{Entry, Key, Kind, Name, Node};
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
        match &*key.text {
            "uses" => step.uses = self.literal(value, "uses"),
            "function" => step.function = self.literal(value, "function"),
            "with" => {
                let entries = self.map(value, "with").unwrap_or_default();
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.name(), self.template(&entry.value)))
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
        match &*key.text {
            "mounts" => {
                let entries = self.map(value, "mounts").unwrap_or_default();
                step.mounts = entries
                    .iter()
                    .filter_map(|entry| self.mount(entry.key.name(), &entry.value))
                    .collect();
            }
            "outputs" => {
                let entries = self.map(value, "outputs").unwrap_or_default();
                step.outputs = entries
                    .iter()
                    .filter_map(|entry| self.output(entry.key.name(), &entry.value))
                    .collect();
            }
            "limits" => step.limits = self.limits(value),
            "clock" => {
                step.clock_base = self.clock(value).unwrap_or(DEFAULT_CLOCK_BASE);
                step.clock = Some(key.span);
            }
            "grants" => step.grants = self.grants(value),
            _ => return false,
        }
        true
    }

    /// The keys that say when it runs.
    fn step_order(&mut self, step: &mut Step, Entry { key, value }: &Entry) {
        match &*key.text {
            "if" => step.condition = self.condition(value),
            "after" => step.after = self.names(value, "after"),
            "when" => step.when = self.word(value, "when", &WHEN).unwrap_or_default(),
            "stage" => step.stage = self.literal(value, "stage"),
            "allow-failure" => step.allow_failure = self.boolean(value, "allow-failure").unwrap_or(false),
            "retry" => step.retry = self.retry(value),
            "matrix" => step.matrix = self.matrix(value).map(Box::new),
            "description" => drop(self.string(value, "description")),
            _ => self.unknown_key(key, keys::STEP, "a step"),
        }
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
                all.push((key.name(), template));
            }
        }
        all
    }

    fn mount(&mut self, at: Name, node: &Node) -> Option<Mount> {
        let mount = |at, form, from| Mount {
            at,
            form,
            from,
            paths: Vec::new(),
            writable: false,
        };
        if matches!(node.kind, Kind::Text(_)) {
            let from = self.template(node);
            return Some(mount(at, MountForm::Either, from));
        }
        let entries = self.map(node, "a mount")?;
        let mut from: Vec<(MountForm, Template, Span)> = Vec::new();
        let (mut paths, mut writable) = (Vec::new(), false);
        for Entry { key, value } in entries {
            match &*key.text {
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
            .any(|entry| matches!(&*entry.key.text, "source" | "output"))
        {
            let message = format!("the mount `{}` does not say what it shows", at.text);
            self.missing(at.span, &message, "source: NAME");
        }
        let (form, from, _) = from.into_iter().next()?;
        Some(Mount {
            paths,
            writable,
            ..mount(at, form, from)
        })
    }

    fn output(&mut self, name: Name, node: &Node) -> Option<Output> {
        self.check_name(&name);
        // Where the path is wrong, the output is there still: what refers to it is not wrong too.
        let output = |name, path: Option<Name>, span, pin| Output {
            name,
            path: path.unwrap_or_else(|| Name {
                text: "/out".to_owned(),
                span,
            }),
            pin,
        };
        if matches!(node.kind, Kind::Text(_)) {
            return Some(output(name, self.literal(node, "an output"), node.span, None));
        }
        let entries = self.map(node, "an output")?;
        let mut path = None;
        let mut pins: Vec<(&Key<'_>, Option<Pin>)> = Vec::new();
        for Entry { key, value } in entries {
            match &*key.text {
                "path" => path = self.literal(value, "path"),
                pin if keys::PINS.contains(&pin) => pins.push((key, self.pin(pin, value))),
                _ => self.unknown_key(key, keys::OUTPUT, "an output"),
            }
        }
        if let [(first, _), (second, _), ..] = pins.as_slice() {
            let message = format!("the output `{}` is pinned twice", name.text);
            let found = Diagnostic::error(codes::BAD_PIN, second.span, message).label(first.span, "first here");
            self.found.push(found.help(format!("remove `{}:`", second.text)));
        }
        if !entries.iter().any(|entry| entry.key.text == "path") {
            let message = format!("the output `{}` has no path", name.text);
            self.missing(name.span, &message, &format!("path: /out/{}", name.text));
        }
        let pin = pins.into_iter().find_map(|(_, pin)| pin);
        let span = name.span;
        Some(output(name, path, span, pin))
    }

    /// The digest that an output has to have.
    fn pin(&mut self, key: &str, node: &Node) -> Option<Pin> {
        let name = self.literal(node, key)?;
        let digest = |text: &str| text.parse().map(|digest: BlobDigest| *digest.as_bytes()).ok();
        let bytes: Option<[u8; 32]> = digest(&name.text);
        let Some(bytes) = bytes else {
            let message = format!("`{key}:` takes 64 lower-case hexadecimal digits");
            let text = name.text.to_ascii_lowercase();
            let help = match digest(&text) {
                Some(_) => format!("write `{key}: \"{text}\"`"),
                None if key == "tree" => "run it once without: a failed pin says the digest of the folder".to_owned(),
                None => format!("write the digest as `{key}sum FILE` prints it").replace("blake3sum", "b3sum"),
            };
            self.found
                .push(Diagnostic::error(codes::BAD_PIN, name.span, message).help(help));
            return None;
        };
        Some(match key {
            "sha256" => Pin::Sha256(bytes),
            "blake3" => Pin::Blake3(BlobDigest::from_bytes(bytes)),
            _ => Pin::Tree(TreeDigest::from_bytes(bytes)),
        })
    }

    fn clock(&mut self, node: &Node) -> Option<u64> {
        let moment = match &node.kind {
            Kind::Number(number) => number.as_u64(),
            Kind::Text(text) => units::moment(text),
            _ => None,
        };
        if moment.is_none() {
            let message = format!("`clock:` takes a moment from 1970 on, not `{}`", self.raw(node.span));
            let help = match node.text() {
                Some("real") => "write `grants: { clock: real }` instead",
                _ => "write it as `2026-01-01T00:00:00Z`, or as whole seconds since 1970",
            };
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
                match &*key.text {
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
            match &*key.text {
                "include" => matrix.include = self.cells(value, "include"),
                "exclude" => matrix.exclude = self.cells(value, "exclude"),
                "max-parallel" => {
                    let most = self.whole(value, "max-parallel", 1, MAX_PARALLEL);
                    matrix.max_parallel = most.and_then(|x| u32::try_from(x).ok());
                }
                "fail-fast" => matrix.fail_fast = self.boolean(value, "fail-fast").unwrap_or(true),
                _ => {
                    let name = key.name();
                    self.check_name(&name);
                    match self.axis(&name, value) {
                        Some(axis) => matrix.axes.push((name, axis)),
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
                    .map(|entry| (entry.key.name(), entry.value.to_data()))
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
        grants: Granted::default(),
        limits: Limits::DEFAULT,
        clock: None,
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
