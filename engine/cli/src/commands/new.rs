//! `airtight new`: a project of a step, from the template of a language. Not here: the templates (`sdk/`), and building.

use std::path::Path;

use airtight_authoring::templates::{self, Names};

use crate::args::NewArgs;
use crate::commands::Context;
use crate::failure::Failure;
use crate::output;
use crate::settings::shown;

/// Writes the project, if there is nothing where it would stand.
pub(crate) fn new(context: &Context, args: &NewArgs) -> Result<(), Failure> {
    let folder = context.settings.folder.join(&args.name);
    let name = args.name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Err(mended) = templates::check_name(name) {
        let message =
            format!("`{name}` cannot be the name of a step: words of small letters and digits, joined by `-`");
        return Err(Failure::user("A0020", message).help(format!(
            "write `airtight new --lang {} {}`",
            args.lang.word(),
            args.name.with_file_name(mended).display()
        )));
    }
    // A folder that is there and empty is as good as none.
    let taken =
        |path: &Path| std::fs::read_dir(path).map_or(path.symlink_metadata().is_ok(), |mut all| all.next().is_some());
    if taken(&folder) {
        return Err(Failure::user("A0021", format!("{} is there already", shown(&folder)))
            .help("give another name, or remove it first"));
    }
    let dependency = match &context.settings.sdk_rust {
        Some(sdk) => format!(
            "airtight-step = {{ path = {} }}",
            serde_json::Value::from(sdk.join("step").to_string_lossy())
        ),
        None => format!("airtight-step = \"{}\"", env!("CARGO_PKG_VERSION")),
    };
    let names = Names {
        name,
        airtight_step_dependency: &dependency,
    };
    let Some(files) = templates::files(args.lang, args.kind, &names) else {
        let kinds: Vec<&str> = templates::kinds(args.lang).iter().map(|kind| kind.word()).collect();
        let message = format!(
            "there is no template for a {} step in {}",
            args.kind.word(),
            args.lang.word()
        );
        return Err(Failure::user("A0020", message).help(format!("there is one for: {}", kinds.join(", "))));
    };
    for file in &files {
        let path = folder.join(&file.path);
        let failed = |error: std::io::Error| Failure::infra("U0010", format!("cannot write {}: {error}", shown(&path)));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&path, &file.bytes).map_err(failed)?;
    }
    let to = args.name.display();
    output::note(&format!(
        "wrote {} with {} files\n  next: `cd {to}`, then `airtight test` (which builds it) and read README.md",
        shown(&folder),
        files.len()
    ));
    Ok(())
}
