//! Components: what `uses:` names, and how it is called. Each is looked up once, however many steps use it. Not here:
//! arguments (`arguments`), and decoding a binary (the catalog).

use std::collections::HashMap;
use std::sync::Arc;

use airtight_model::component::{CatalogError, ComponentSummary, FunctionSignature, ResolvedComponent};
use airtight_model::{Diagnostic, OciRef};

use super::{Call, Check, CheckedStep, Uses};
use crate::codes;
use crate::nearest::{nearest, quoted};
use crate::node::Name;

/// The interfaces of Airtight itself: another version of them is a message of its own.
const OWN_PACKAGE: &str = "airtight:step/";
/// The function that a step calls if its pipeline names none.
const DEFAULT_FUNCTION: &str = "run";

/// Components that were looked up, by the text of `uses:` and the folder that it is relative to.
type Known<'s> = HashMap<(&'s str, &'s str), Option<ResolvedComponent>>;
/// Signatures that steps share.
type Signatures = HashMap<(airtight_model::BlobDigest, String), Arc<FunctionSignature>>;

impl Check<'_> {
    /// Finds what each step runs and how.
    pub(super) fn components(&mut self) {
        let mut known = Known::new();
        let mut signatures = Signatures::new();
        let mut resolved = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let uses = step
                .decl
                .uses
                .as_ref()
                .map_or(Uses::Unknown, |name| self.uses(step, name, &mut known));
            let call = self.call(step, &uses, &mut signatures);
            resolved.push((uses, call));
        }
        for (step, (uses, call)) in self.steps.iter_mut().zip(resolved) {
            step.uses = uses;
            step.call = call;
        }
    }

    fn uses<'s>(&'s self, step: &CheckedStep, name: &'s Name, known: &mut Known<'s>) -> Uses {
        let text = name.text.as_str();
        let is_file = text.starts_with("./") || text.starts_with("../");
        let is_remote = OciRef::is_meant(text);
        if is_remote && !self.is_reference(name) {
            return Uses::Unknown;
        }
        if text.contains("://") && !is_remote {
            let message = format!(
                "`{text}` is not available: components come from files, from registries (`oci://`) and from `std/`"
            );
            self.error(
                codes::NOT_AVAILABLE,
                name.span,
                message,
                "download it, and write the path of the file, such as `./tools/x.wasm`",
            );
            return Uses::Unknown;
        }
        if is_file || text.starts_with('/') {
            if self.host_path(step.file, name).is_none() {
                return Uses::Unknown;
            }
        } else if !text.starts_with("std/") && !is_remote {
            return self.uses_output(name);
        }
        let base = self.base(step.file);
        // Standard components and those of registries are the same from every folder.
        let key = (text, if is_file { base } else { "" });
        let found = known.entry(key).or_insert_with(|| self.resolve(name, base));
        let last = text.rsplit('/').next().unwrap_or(text);
        let program = match is_remote {
            true => last.split([':', '@']).next().unwrap_or(last),
            false => last.trim_end_matches(".wasm"),
        }
        .to_owned();
        found
            .clone()
            .map_or(Uses::Unknown, |component| Uses::Component(component, program))
    }

    /// Whether a name of a component in a registry reads as one.
    fn is_reference(&self, name: &Name) -> bool {
        match name.text.parse::<OciRef>() {
            Ok(reference) if reference.asked().is_some() => true,
            Ok(_) => {
                let message = format!("`{}` says neither a tag nor a digest", name.text);
                let help = format!("write which one, such as `{}:1.0.0`", name.text);
                self.error(codes::BAD_REFERENCE, name.span, message, help);
                false
            }
            Err(error) => {
                self.error(codes::BAD_REFERENCE, name.span, error.to_string(), error.help());
                false
            }
        }
    }

    fn uses_output(&self, name: &Name) -> Uses {
        let text = name.text.as_str();
        let like_file = text.ends_with(".wasm") || text.contains('/');
        let known_step = super::parse_output(text).is_some_and(|(step, ..)| self.step_at.contains_key(step));
        if like_file && !known_step {
            let message =
                format!("`{text}` is neither `std/NAME`, a path that begins with `./`, nor an output of a step");
            self.error(codes::BAD_REFERENCE, name.span, message, format!("write `./{text}`"));
            return Uses::Unknown;
        }
        if !text.contains(['.', '[']) && !self.step_at.contains_key(text) {
            let message =
                format!("`{text}` is neither `std/NAME`, a path that begins with `./`, nor an output of a step");
            self.error(
                codes::BAD_REFERENCE,
                name.span,
                message,
                format!("write `std/{text}`, `./{text}.wasm` or `step.output`"),
            );
            return Uses::Unknown;
        }
        self.find_output(text, name.span).map_or(Uses::Unknown, |reference| {
            if Self::is_whole(&reference.selector) {
                let message = "a step runs one component, not a folder of them";
                self.error(
                    codes::BAD_REFERENCE,
                    name.span,
                    message,
                    "name one cell, such as `build[os=linux].component`",
                );
                return Uses::Unknown;
            }
            Uses::Output(reference)
        })
    }

    /// Looks a component up, and reports once what is wrong with it.
    fn resolve(&self, name: &Name, base: &str) -> Option<ResolvedComponent> {
        let component = match self.catalog.resolve(&name.text, base) {
            Ok(component) => component,
            Err(CatalogError::NotFound {
                message,
                nearest: known,
            }) => {
                let help = match nearest(&name.text, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if name.text.starts_with("std/") => {
                        "`std/` has the components that come with the engine".to_owned()
                    }
                    None => "build it first, or write the path of a file that is there".to_owned(),
                };
                self.error(codes::COMPONENT_NOT_FOUND, name.span, message, help);
                return None;
            }
            Err(CatalogError::Elsewhere { message, help }) => {
                self.error(codes::COMPONENT_ELSEWHERE, name.span, message, help);
                return None;
            }
            Err(CatalogError::Unusable { message, help }) => {
                let diagnostic = Diagnostic::error(codes::COMPONENT_UNUSABLE, name.span, message);
                let help = help.unwrap_or_else(|| "build it as a component: see the guide for its language".to_owned());
                self.report(diagnostic.help(help));
                return None;
            }
        };
        let summary = &component.summary;
        if !summary.unknown_imports.is_empty() {
            self.unknown_imports(name, summary);
            return None;
        }
        if !summary.command && summary.functions.is_empty() {
            let message = format!(
                "`{}` has no way to run: it exports neither `wasi:cli/run` nor a function",
                name.text
            );
            self.error(
                codes::COMPONENT_UNUSABLE,
                name.span,
                message,
                "export a function `run`, or build it as a command",
            );
            return None;
        }
        Some(component)
    }

    fn unknown_imports(&self, name: &Name, summary: &ComponentSummary) {
        let imports = &summary.unknown_imports;
        let own = imports.iter().find(|import| import.starts_with(OWN_PACKAGE));
        let message = match own {
            Some(import) => format!(
                "`{}` was built for another version of Airtight: it imports `{import}`",
                name.text
            ),
            None => {
                let all = quoted(imports.iter().map(String::as_str));
                format!("`{}` imports what Airtight does not provide: {all}", name.text)
            }
        };
        let help = match own {
            Some(_) => "build it again with the SDK of this version: `airtight:step@0.1.0`",
            None => "build it for WASI 0.2 without these imports",
        };
        self.error(codes::UNKNOWN_IMPORT, name.span, message, help);
    }

    fn call(&self, step: &CheckedStep, uses: &Uses, signatures: &mut Signatures) -> Call {
        let decl = &step.decl;
        let of_command = decl
            .args
            .as_ref()
            .map(|args| ("args", args.span))
            .or(decl.stdin.as_ref().map(|x| ("stdin", x.span)));
        let of_function = decl
            .with
            .as_ref()
            .map(|with| ("with", with.span))
            .or(decl.function.as_ref().map(|x| ("function", x.span)));
        if let (Some((command, span)), Some((function, first))) = (of_command, of_function) {
            let message =
                format!("`{command}:` is for commands and `{function}:` is for functions: a step is one of them");
            let diagnostic = Diagnostic::error(codes::CALL_CONFLICT, span, message).label(first, "a function step");
            self.report(diagnostic.help(format!("remove `{command}:` or `{function}:`")));
            return Call::Unknown;
        }
        let name = decl.function.as_ref().map_or(DEFAULT_FUNCTION, |name| &name.text);
        let component = match uses {
            Uses::Component(component, _) => component,
            Uses::Unknown => return Call::Unknown,
            Uses::Output(_) if of_function.is_some() => return Call::Function(None, name.to_owned()),
            Uses::Output(_) if of_command.is_some() => return Call::Command,
            Uses::Output(_) => return Call::Either,
        };
        let summary = &component.summary;
        if let Some((key, span)) = of_command {
            if summary.command {
                return Call::Command;
            }
            let message = format!("`{key}:` is for commands, but this component exports only functions");
            let help = format!(
                "remove `{key}:` and give arguments with `with:`; its functions are {}",
                functions(summary)
            );
            self.error(codes::NOT_A_COMMAND, span, message, help);
            return Call::Unknown;
        }
        if of_function.is_none() && summary.command {
            return Call::Command;
        }
        self.function(step, component, name, signatures)
    }

    fn function(
        &self,
        step: &CheckedStep,
        component: &ResolvedComponent,
        name: &str,
        signatures: &mut Signatures,
    ) -> Call {
        let key = (component.digest, name.to_owned());
        if let Some(known) = signatures.get(&key) {
            return Call::Function(Some(Arc::clone(known)), name.to_owned());
        }
        let summary = &component.summary;
        let fits = |f: &&FunctionSignature| f.function.name == name || f.function.to_string() == name;
        let found: Vec<&FunctionSignature> = summary.functions.iter().filter(fits).collect();
        let decl = &step.decl;
        let place = decl
            .function
            .as_ref()
            .or(decl.uses.as_ref())
            .map_or(decl.name.span, |name| name.span);
        match found.as_slice() {
            [one] => {
                let signature = Arc::new((*one).clone());
                signatures.insert(key, Arc::clone(&signature));
                return Call::Function(Some(signature), name.to_owned());
            }
            [] if summary.functions.is_empty() => {
                let message = "this component exports no functions: it is a command";
                let help = "give it `args:` and `stdin:` instead of `with:` and `function:`";
                self.error(codes::UNKNOWN_FUNCTION, place, message, help);
            }
            [] => {
                let message = format!("the component exports no function `{name}`");
                let help = match (
                    nearest(name, summary.functions.iter().map(|f| f.function.name.as_str())),
                    &decl.function,
                ) {
                    (Some(near), Some(_)) => format!("did you mean `function: {near}`?"),
                    _ => format!("add `function: NAME`; its functions are {}", functions(summary)),
                };
                self.error(codes::UNKNOWN_FUNCTION, place, message, help);
            }
            several => {
                let names: Vec<String> = several.iter().map(|f| f.function.to_string()).collect();
                let message = format!("several interfaces of the component have a function `{name}`");
                let help = format!(
                    "write `function:` with one of {}",
                    quoted(names.iter().map(String::as_str))
                );
                self.error(codes::UNKNOWN_FUNCTION, place, message, help);
            }
        }
        Call::Unknown
    }
}

fn functions(summary: &ComponentSummary) -> String {
    quoted(summary.functions.iter().map(|f| f.function.name.as_str()))
}
