//! When and to what the process confines itself: prepared before a run, entered when the first step has to run. The child
//! that compiles is started at that moment too, because nothing can be started after it. Both are of the process, not of a
//! run: one that follows another (`--watch`) finds them as they are. Not here: how it is done (`airtight_sandbox`).

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airtight_model::Plan;
use airtight_model::event::{Event, Subscriber};
use airtight_sandbox::{CompileChild, Compiler, ConfineRules, Confined};

use crate::commands::Context;
use crate::output;
use crate::project::Project;
use crate::settings::{Settings, variable};

/// The argument that makes the program the child that compiles. Nobody types it.
pub(crate) const CHILD: &str = "compile-child";

/// What names, certificates and time are looked up in, read only.
const SYSTEM: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/var/lib/ca-certificates",
    "/proc/self",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/urandom",
    "/dev/tty",
];
/// Where the user says that certificates are.
const CERTIFICATES: &[&str] = &["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What the next run needs.
struct Prepared {
    rules: ConfineRules,
    /// Whether the user wants it.
    wanted: bool,
    /// Whether to say what was done.
    say: bool,
}

/// What this process is.
struct Process {
    prepared: Option<Prepared>,
    compiler: Option<Compiler>,
    entered: Option<ConfineRules>,
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    prepared: None,
    compiler: None,
    entered: None,
});

fn process() -> MutexGuard<'static, Process> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prepares for a run of `plan`, after which the files `written` are written. Has to come before its secrets are read: from then on there is no core to dump.
pub(crate) fn prepare(context: &Context, project: &Project, plan: &Plan, written: &[PathBuf]) {
    if !plan.secrets.is_empty()
        && let Err(error) = airtight_sandbox::no_core_dumps()
    {
        tracing::debug!(%error, "the kernel does not refuse core dumps");
    }
    process().prepared = Some(Prepared {
        rules: rules(&context.settings, project, plan, written),
        wanted: context.settings.confine,
        say: context.settings.verbose > 0,
    });
}

/// What a run reads and writes from the moment on at which its first step runs.
fn rules(settings: &Settings, project: &Project, plan: &Plan, written: &[PathBuf]) -> ConfineRules {
    let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    read.extend(CERTIFICATES.iter().filter_map(|name| variable(name)).map(PathBuf::from));
    read.push(project.root.clone());
    read.extend(plan.sources.iter().map(|source| project.root.join(&source.path)));
    read.extend(project.pipeline_files());
    let mut write = vec![std::env::temp_dir(), "/dev/null".into()];
    write.extend(settings.store.clone().ok());
    write.extend(settings.state.clone());
    // What is written there is made beside its place first, and its folders may not be there yet.
    let reports = written.iter().map(|file| settings.folder.join(file));
    let exports = plan.exports.iter().map(|export| project.root.join(&export.to));
    write.extend(reports.chain(exports).filter_map(|path| nearest_folder(&path)));
    ConfineRules {
        read,
        write,
        network: plan.steps.iter().any(|step| step.grants.reaches_out()),
    }
}

/// The nearest folder above a path that is there.
fn nearest_folder(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .skip(1)
        .find(|folder| folder.is_dir())
        .map(Path::to_owned)
}

/// Starts the child that compiles and confines the process, if a run before has not; says what it came to.
pub(crate) fn enter(events: &dyn Subscriber) -> Compiler {
    let mut process = process();
    let process = &mut *process;
    let say = process.prepared.as_ref().is_some_and(|prepared| prepared.say);
    let compiler = process.compiler.get_or_insert_with(|| {
        start_child().unwrap_or_else(|error| {
            if say {
                output::note(&format!(
                    "components are compiled in this process: the one for it cannot be started: {error}"
                ));
            }
            Compiler::InProcess
        })
    });
    let compiler = compiler.clone();
    let Some(prepared) = &process.prepared else {
        return compiler;
    };
    match &process.entered {
        None if prepared.wanted => {
            // The folders have to be there to be allowed.
            for folder in prepared.rules.write.iter().filter(|folder| !folder.exists()) {
                let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            }
            let applied: Confined = airtight_sandbox::confine(&prepared.rules);
            if prepared.say {
                output::note(&applied.to_string());
            }
            process.entered = Some(prepared.rules.clone());
        }
        None => {
            if prepared.say {
                output::note("not confined: AIRTIGHT_CONFINE is off");
            }
        }
        Some(entered) => {
            if let Some(message) = missing(entered, &prepared.rules) {
                let help = Some("stop this run and start it again".to_owned());
                events.event(&Event::Warning { message, help });
            }
        }
    }
    compiler
}

fn start_child() -> std::io::Result<Compiler> {
    let program = std::env::current_exe()?;
    let child = CompileChild::start(&program, &[CHILD])?;
    Ok(Compiler::Child(Arc::new(child)))
}

/// What a run needs that the process cannot have any more.
fn missing(entered: &ConfineRules, wanted: &ConfineRules) -> Option<String> {
    if wanted.network && !entered.network {
        return Some("a step may use the network now, and this process has given it up".to_owned());
    }
    let below = |path: &PathBuf, allowed: &[PathBuf]| allowed.iter().any(|folder| path.starts_with(folder));
    let write = wanted.write.iter().find(|path| !below(path, &entered.write));
    let read = wanted
        .read
        .iter()
        .find(|path| !below(path, &entered.read) && !below(path, &entered.write));
    write.or(read).map(|path| {
        format!(
            "{} is needed now, and this process has given it up",
            crate::settings::shown(path)
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // A later run of one process is told what it will not get, and only then.
    #[test]
    fn what_a_later_run_cannot_have_is_named() {
        let rules = |read: &[&str], write: &[&str], network| ConfineRules {
            read: read.iter().map(PathBuf::from).collect(),
            write: write.iter().map(PathBuf::from).collect(),
            network,
        };
        let first = rules(&["/p"], &["/store"], false);
        assert_eq!(missing(&first, &first), None);
        assert_eq!(
            missing(&first, &rules(&["/p/src", "/store/x"], &["/store/y"], false)),
            None
        );
        assert!(
            missing(&first, &rules(&["/other"], &[], false))
                .unwrap()
                .contains("`/other`")
        );
        assert!(
            missing(&first, &rules(&[], &["/p/dist"], false))
                .unwrap()
                .contains("`/p/dist`")
        );
        assert!(missing(&first, &rules(&[], &[], true)).unwrap().contains("network"));
        assert_eq!(missing(&rules(&[], &[], true), &rules(&[], &[], false)), None);
    }
}
