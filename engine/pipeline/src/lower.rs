//! Nodes to the file's own shape: unknown keys, wrong types and words that are none of those known are found here, all
//! of them. Not here: steps (`lower::step`), and whatever needs more than one key to judge.

mod grants;
mod limits;
mod read;
mod secrets;
mod step;

use airtight_model::Diagnostic;

use crate::ast::{At, Export, File, Include, Input, InputType, Source};
use crate::codes;
use crate::keys;
use crate::node::{Entry, Kind, Name, Node};
use crate::template::Template;

/// Reads the nodes of one file.
pub(crate) struct Lower<'a> {
    /// The file's text.
    pub(crate) text: &'a str,
    /// Whether the file is included by another.
    pub(crate) fragment: bool,
    pub(crate) found: &'a mut Vec<Diagnostic>,
}

impl Lower<'_> {
    /// Reads a whole file.
    pub(crate) fn file(&mut self, node: &Node) -> File {
        let mut file = File::default();
        let start = airtight_model::Span {
            end: node.span.start,
            ..node.span
        };
        if matches!(node.kind, Kind::Null) {
            self.missing(start, "the file is empty", "airtight: 1");
            return file;
        }
        let Some(entries) = self.map(node, "a pipeline") else {
            return file;
        };
        if !self.fragment && !entries.iter().any(|entry| entry.key.text == "airtight") {
            self.missing(
                start,
                "the file does not say which version of the format it is",
                "airtight: 1",
            );
        }
        for Entry { key, value } in entries {
            if self.fragment && keys::NOT_IN_FRAGMENT.contains(&&*key.text) {
                let message = format!(
                    "`{}:` belongs into the pipeline file, not into one that it includes",
                    key.text
                );
                let help = format!("move `{}:` to the file that includes this one", key.text);
                self.found
                    .push(Diagnostic::error(codes::NOT_IN_FRAGMENT, key.span, message).help(help));
                continue;
            }
            match &*key.text {
                "airtight" => self.version(value),
                "name" => file.name = self.string(value, "name"),
                "inputs" => file.inputs = self.named(value, "inputs", Self::input),
                "sources" => file.sources = self.named(value, "sources", Self::source),
                "secrets" => file.secrets = self.named(value, "secrets", Self::secret),
                "stages" => file.stages = Some(self.names(value, "stages")),
                "steps" => file.steps = self.named(value, "steps", Self::step),
                "include" => file.includes = self.includes(value),
                "export" => file.exports = self.exports(value),
                _ => self.unknown_key(key, keys::FILE, "a pipeline"),
            }
        }
        if !self.fragment
            && !entries
                .iter()
                .any(|entry| matches!(&*entry.key.text, "steps" | "include"))
        {
            self.missing(start, "the pipeline has no steps", "steps:");
        }
        file
    }

    fn version(&mut self, node: &Node) {
        if node.to_data() != serde_json::json!(1) {
            let found = Diagnostic::error(codes::VERSION, node.span, "this version of the format is not known");
            self.found
                .push(found.help("write `airtight: 1`, or use a newer engine"));
        }
    }

    /// Reads a map whose keys are names that the file gives.
    fn named<T>(&mut self, node: &Node, what: &str, read: fn(&mut Self, &Name, &Node) -> Option<T>) -> Vec<T> {
        let entries = self.map(node, what).unwrap_or_default();
        let mut all = Vec::with_capacity(entries.len());
        for Entry { key, value } in entries {
            let name = key.name();
            self.check_name(&name);
            all.extend(read(self, &name, value));
        }
        all
    }

    fn input(&mut self, name: &Name, node: &Node) -> Option<Input> {
        let mut input = Input {
            name: name.clone(),
            ty: InputType::String,
            default: None,
            one_of: None,
            required: None,
        };
        for Entry { key, value } in self.map(node, "an input").unwrap_or_default() {
            match &*key.text {
                "type" => {
                    if let Some(ty) = self.word(value, "type", &InputType::WORDS) {
                        input.ty = ty;
                    }
                }
                "default" => {
                    input.default = Some(At {
                        value: value.to_data(),
                        span: value.span,
                    })
                }
                "one-of" => {
                    let items = self.list(value, "one-of");
                    input.one_of = Some(
                        items
                            .iter()
                            .map(|x| At {
                                value: x.to_data(),
                                span: x.span,
                            })
                            .collect(),
                    );
                }
                "description" => drop(self.string(value, "description")),
                "required" => {
                    input.required = self.boolean(value, "required").map(|x| At {
                        value: x,
                        span: value.span,
                    });
                }
                _ => self.unknown_key(key, keys::INPUT, "an input"),
            }
        }
        Some(input)
    }

    fn source(&mut self, name: &Name, node: &Node) -> Option<Source> {
        let mut source = Source {
            name: name.clone(),
            path: None,
            exclude: Vec::new(),
            gitignore: true,
        };
        if let Kind::Text(_) = node.kind {
            let help = format!("write `{}: {{ path: {} }}`", name.text, self.raw(node.span));
            self.wrong_type(node, "a source", "a map", Some(help));
            return Some(source);
        }
        for Entry { key, value } in self.map(node, "a source").unwrap_or_default() {
            match &*key.text {
                "path" => source.path = self.string(value, "path"),
                "exclude" => source.exclude = self.names(value, "exclude"),
                "gitignore" => source.gitignore = self.boolean(value, "gitignore").unwrap_or(true),
                _ => self.unknown_key(key, keys::SOURCE, "a source"),
            }
        }
        if !node
            .entries()
            .unwrap_or_default()
            .iter()
            .any(|entry| entry.key.text == "path")
        {
            self.missing(name.span, &format!("the source `{}` has no path", name.text), "path: .");
        }
        Some(source)
    }

    fn includes(&mut self, node: &Node) -> Vec<Include> {
        let one = std::slice::from_ref(node);
        let items = if let Kind::List(items) = &node.kind { items } else { one };
        items.iter().filter_map(|item| self.include(item)).collect()
    }

    fn include(&mut self, node: &Node) -> Option<Include> {
        if matches!(node.kind, Kind::Text(_)) {
            return Some(Include {
                file: self.string(node, "include")?,
                inputs: Vec::new(),
            });
        }
        let (mut file, mut inputs) = (None, Vec::new());
        let entries = self.map(node, "an include")?;
        for Entry { key, value } in entries {
            match &*key.text {
                "file" => file = self.string(value, "file"),
                "inputs" => {
                    for Entry { key, value } in self.map(value, "inputs").unwrap_or_default() {
                        inputs.push((key.name(), Template::read(value, self.text, self.found)));
                    }
                }
                _ => self.unknown_key(key, keys::INCLUDE, "an include"),
            }
        }
        if !entries.iter().any(|entry| entry.key.text == "file") {
            self.missing(node.span, "the include names no file", "file: ci/steps.yaml");
        }
        Some(Include { file: file?, inputs })
    }

    fn exports(&mut self, node: &Node) -> Vec<Export> {
        let entries = self.map(node, "export").unwrap_or_default();
        let read = |entry: &Entry| {
            Some(Export {
                to: entry.key.name(),
                from: self.string(&entry.value, "an export")?,
            })
        };
        entries.iter().filter_map(read).collect()
    }
}
