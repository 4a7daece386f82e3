//! `airtight artifact`: outputs of the last runs of this pipeline. Not here: keeping them (the store does, for its last
//! runs).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use airtight_model::{BlobDigest, Node};
use airtight_store::Store;

use crate::args::ArtifactCommand;
use crate::commands::Context;
use crate::escape;
use crate::failure::Failure;
use crate::output;
use crate::project::run_suffix;
use crate::settings::shown;

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 1 << 20;

/// Does what the command says.
pub(crate) fn artifact(context: &Context, command: &ArtifactCommand) -> Result<(), Failure> {
    let artifacts = Artifacts::load(context)?;
    match command {
        ArtifactCommand::Ls { artifact: None } => artifacts.list_all(),
        ArtifactCommand::Ls { artifact: Some(name) } => artifacts.list(name),
        ArtifactCommand::Get { artifact, to } => artifacts.get(artifact, &context.settings.folder.join(to)),
        ArtifactCommand::Cat { artifact } => artifacts.cat(artifact),
    }
}

/// The newest output of each name.
struct Artifacts<'a> {
    store: &'a Store,
    by_name: BTreeMap<String, Node>,
}

impl<'a> Artifacts<'a> {
    fn load(context: &'a Context) -> Result<Self, Failure> {
        let store = context.store()?;
        let suffix = run_suffix(&context.settings.pipeline_file()?)?;
        let mut runs = store.runs().map_err(Failure::store)?;
        runs.retain(|(run, _)| run.ends_with(&suffix));
        // A run's name begins with its time, so that names sort as runs happened.
        runs.sort_by(|a, b| a.0.cmp(&b.0));
        let by_name: BTreeMap<String, Node> = runs.into_iter().flat_map(|(_, outputs)| outputs).collect();
        if by_name.is_empty() {
            return Err(
                Failure::user("U0007", "there are no outputs of this pipeline in the store")
                    .help("make some with `airtight run`"),
            );
        }
        Ok(Self { store, by_name })
    }

    /// The output and the path in it that a text names.
    fn find<'t>(&self, text: &'t str) -> Result<(&Node, &'t str), Failure> {
        let split = |name: &String| match text.strip_prefix(name.as_str())? {
            "" => Some((name.len(), "")),
            rest => Some((name.len(), rest.strip_prefix('/')?)),
        };
        let found = self
            .by_name
            .iter()
            .filter_map(|(name, node)| Some((node, split(name)?)));
        let (node, (_, path)) = found.max_by_key(|(_, (len, _))| *len).ok_or_else(|| {
            let names: Vec<String> = self.by_name.keys().take(20).map(|name| format!("`{name}`")).collect();
            Failure::user("U0008", format!("there is no output `{text}`"))
                .help(format!("there are {}", names.join(", ")))
        })?;
        Ok((node, path))
    }

    /// The node at a path of an output. Links are not followed: what is shown is what is there.
    fn resolve(&self, text: &str) -> Result<Node, Failure> {
        let (node, path) = self.find(text)?;
        let mut node = node.clone();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let missing = || {
                Failure::user("U0008", format!("there is no `{name}` in `{text}`"))
                    .help("list what is there with `airtight artifact ls STEP.OUTPUT`")
            };
            let Node::Directory(tree) = node else {
                return Err(missing());
            };
            node = self
                .store
                .tree(&tree)
                .map_err(Failure::store)?
                .get(name)
                .cloned()
                .ok_or_else(missing)?;
        }
        Ok(node)
    }

    fn list_all(&self) -> Result<(), Failure> {
        let mut out = String::new();
        for (name, node) in &self.by_name {
            let _ = writeln!(
                out,
                "{:<9} {}  {}",
                node.kind().word(),
                node.describe(),
                escape::line(name)
            );
        }
        output::data(out.as_bytes()).map_err(Failure::closed_output)
    }

    fn list(&self, text: &str) -> Result<(), Failure> {
        let of_step: Vec<_> = self
            .by_name
            .iter()
            .filter(|(name, _)| name.rsplit_once('.').is_some_and(|(step, _)| step == text))
            .collect();
        let mut out = String::new();
        if of_step.is_empty() {
            self.walk(&self.resolve(text)?, "", &mut out)?;
        }
        for (name, node) in of_step {
            let _ = writeln!(
                out,
                "{:<9} {}  {}",
                node.kind().word(),
                node.describe(),
                escape::line(name)
            );
        }
        output::data(out.as_bytes()).map_err(Failure::closed_output)
    }

    fn walk(&self, node: &Node, path: &str, out: &mut String) -> Result<(), Failure> {
        let shown = escape::line(if path.is_empty() { "." } else { path }).into_owned();
        match node {
            Node::File { size, executable, .. } => {
                let _ = writeln!(out, "{size:>12} {} {shown}", if *executable { "x" } else { "-" });
            }
            Node::Symlink(target) => {
                let _ = writeln!(out, "{:>12} l {shown} -> {}", "", escape::line(target));
            }
            Node::Directory(tree) => {
                for entry in self.store.tree(tree).map_err(Failure::store)?.entries() {
                    let path = if path.is_empty() {
                        entry.name.clone()
                    } else {
                        format!("{path}/{}", entry.name)
                    };
                    self.walk(&entry.node, &path, out)?;
                }
            }
        }
        Ok(())
    }

    fn get(&self, text: &str, to: &Path) -> Result<(), Failure> {
        let node = self.resolve(text)?;
        if to.symlink_metadata().is_ok() {
            return Err(Failure::user("U0009", format!("{} is there already", shown(to)))
                .help("name a path where nothing is, or remove it first"));
        }
        let folder = to
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let unwritable = |error| Failure::infra("U0010", format!("cannot write {}: {error}", shown(to)));
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        let folder = folder.canonicalize().map_err(unwritable)?;
        let Some(name) = to.file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::user(
                "U0009",
                format!("{} is not the path of a new file", shown(to)),
            ));
        };
        self.store.export(&node, &folder, name).map_err(|error| {
            let help = error.help();
            Failure::infra(error.code(), error.to_string()).help_or_not(help)
        })?;
        Ok(())
    }

    fn cat(&self, text: &str) -> Result<(), Failure> {
        match self.resolve(text)? {
            Node::File { blob, .. } => self.print(&blob),
            Node::Symlink(target) => {
                let message = format!("`{text}` is a symbolic link to `{target}`");
                Err(Failure::user("U0008", message).help("name what it leads to"))
            }
            Node::Directory(_) => Err(Failure::user("U0008", format!("`{text}` is a folder"))
                .help(format!("list it with `airtight artifact ls '{text}'`"))),
        }
    }

    fn print(&self, digest: &BlobDigest) -> Result<(), Failure> {
        let blob = self.store.blob(digest).map_err(Failure::store)?;
        let mut buffer = vec![0; CHUNK];
        let mut offset = 0;
        loop {
            let count = blob.read_at(offset, &mut buffer).map_err(Failure::store)?;
            if count == 0 {
                return Ok(());
            }
            output::data(&buffer[..count]).map_err(Failure::closed_output)?;
            offset += count as u64;
        }
    }
}
