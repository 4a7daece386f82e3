//! Pinned outputs: is what was made what the pipeline file says it is? Not here: what a mismatch means for the cache and
//! for the run (the driver).

use airtight_model::step::Pin;
use airtight_model::{Node, OutputSpec};

use crate::ports::{ServiceError, Trees};

/// Outputs that are not what is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// What is pinned and what was made, a line each, after a first line that names the outputs.
    pub(crate) cause: String,
    /// The lines to change.
    pub(crate) help: String,
}

/// Compares outputs with their pins. None: each has its pin's digest, where it has a pin.
///
/// # Errors
/// A blob cannot be read to be digested.
pub(crate) fn check(
    specs: &[OutputSpec],
    outputs: &[(String, Node)],
    trees: &dyn Trees,
) -> Result<Option<Mismatch>, ServiceError> {
    let (mut names, mut lines, mut help) = (Vec::new(), Vec::new(), Vec::new());
    for spec in specs {
        let Some(pin) = &spec.pin else { continue };
        let made = outputs.iter().find(|(name, _)| *name == spec.name);
        let made = made.map(|(_, node)| measure(node, pin, trees)).transpose()?;
        if made == Some(Measured::Digest(*pin)) {
            continue;
        }
        names.push(format!("`{}`", spec.name));
        lines.push(format!("pinned {pin}"));
        let name = &spec.name;
        match made {
            Some(Measured::Digest(made)) => {
                lines.push(format!("made   {made}"));
                help.push(format!("if that is what `{name}` should be, let it say `{made}`"));
            }
            Some(Measured::Other(what, right)) => {
                lines.push(format!("made   {what}"));
                if let Some(right) = right {
                    help.push(format!("if that is what `{name}` should be, let it say `{right}`"));
                }
            }
            None => lines.push("made   nothing".to_owned()),
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    let (names, one) = (names.join(", "), names.len() == 1);
    let what = if one { "the output" } else { "the outputs" };
    let verb = if one { "is" } else { "are" };
    Ok(Some(Mismatch {
        cause: format!("{what} {names} {verb} not what is pinned\n{}", lines.join("\n")),
        help: help.join("\n"),
    }))
}

/// What an output is, in the terms of its pin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Measured {
    /// A digest of the pin's kind.
    Digest(Pin),
    /// Something that the pin's kind is not for, and the pin that would be.
    Other(&'static str, Option<Pin>),
}

fn measure(node: &Node, pin: &Pin, trees: &dyn Trees) -> Result<Measured, ServiceError> {
    Ok(match (node, pin) {
        (Node::File { blob, .. }, Pin::Sha256(_)) => Measured::Digest(Pin::Sha256(trees.sha256(blob)?)),
        (Node::File { blob, .. }, Pin::Blake3(_)) => Measured::Digest(Pin::Blake3(*blob)),
        (Node::File { blob, .. }, Pin::Tree(_)) => Measured::Other("a file", Some(Pin::Blake3(*blob))),
        (Node::Directory(tree), Pin::Tree(_)) => Measured::Digest(Pin::Tree(*tree)),
        (Node::Directory(tree), Pin::Sha256(_) | Pin::Blake3(_)) => Measured::Other("a folder", Some(Pin::Tree(*tree))),
        (Node::Symlink(_), _) => Measured::Other("a symbolic link", None),
    })
}
