//! `airtight init`: a first pipeline file that runs as it stands. Not here: templates of steps.

use std::io::Write;
use std::path::PathBuf;

use crate::args::InitArgs;
use crate::commands::Context;
use crate::failure::Failure;
use crate::output;
use crate::settings::shown;

/// The first pipeline of a project: it runs without any change.
const FIRST: &str = "\
# What this project does. `airtight run` runs it, `airtight plan` shows what it would do.
airtight: 1
name: my-project

sources:
  # Everything here but what `.gitignore` names. Steps read a snapshot of it, never the files themselves.
  project: { path: . }

steps:
  # Fails if a key, a token or a private key is in the project.
  scan:
    uses: std/secret-scan
    mounts: { /src: project }
    with: { paths: [ /src ] }

  # An archive of the project: the same bytes on every machine.
  source:
    uses: std/archive
    function: pack
    mounts: { /src: project }
    with: { from: /src, to: /out/source.tar.gz, prefix: my-project }
    outputs: { archive: /out/source.tar.gz }
    after: [ scan ]

# The only writes to this folder.
export:
  dist/source.tar.gz: source.archive
";

/// Writes the file if there is none.
pub(crate) fn init(context: &Context, args: &InitArgs) -> Result<(), Failure> {
    let folder: PathBuf = context.settings.folder.join(&args.folder).components().collect();
    let file = folder.join("airtight.yaml");
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::user("U0002", format!("{} is there already", shown(&file)))
            .help("run it with `airtight run`, or remove it first"),
        _ => Failure::infra("U0010", format!("cannot write {}: {error}", shown(&file))),
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let mut to = std::fs::File::create_new(&file).map_err(failed)?;
    to.write_all(FIRST.as_bytes()).map_err(failed)?;
    // Exports must not become part of the source that they are made of.
    let ignore = folder.join(".gitignore");
    let known = std::fs::read_to_string(&ignore).unwrap_or_default();
    if !known
        .lines()
        .any(|line| matches!(line.trim(), "dist" | "dist/" | "/dist" | "/dist/"))
    {
        let start = if known.is_empty() || known.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let mut to = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&ignore)
            .map_err(failed)?;
        to.write_all(format!("{start}/dist/\n").as_bytes()).map_err(failed)?;
    }
    output::note(&format!("wrote {}\n  next: `airtight run`", shown(&file)));
    Ok(())
}
