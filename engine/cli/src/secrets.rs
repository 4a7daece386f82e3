//! What the way out of a run is made of: the values of secrets from their sources, the certificates that grants name,
//! the DNS servers. Read before anything of a guest runs, and only for steps that were selected. Not here: where a value
//! may go (`airtight_egress`).

mod command;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use airtight_egress::{Egress, EgressConfig, SecretValue};
use airtight_exec::Cancel;
use airtight_model::Plan;
use airtight_model::diagnostic::{Diagnostic, Severity, Span};
use airtight_model::plan::{PlannedSecret, SecretSource};
use zeroize::Zeroizing;

use crate::failure::{ErrorClass, Failure};
use crate::project::Project;
use crate::settings::{Settings, shown, variable};

/// The longest value of a secret, in bytes.
const MAX_SECRET: usize = 64 << 10;
/// The largest file of certificates, in bytes.
const MAX_CERTIFICATES: u64 = 1 << 20;

/// Values that were read in this process. A run that follows another (`--watch`) takes them from here: it can start no
/// program any more.
#[derive(Default)]
pub(crate) struct Vault(Mutex<Vec<(SecretSource, SecretValue)>>);

impl Vault {
    fn get(&self, source: &SecretSource) -> Option<SecretValue> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(known, _)| known == source);
        found.map(|(_, value)| value.clone())
    }

    fn put(&self, source: &SecretSource, value: &SecretValue) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((source.clone(), value.clone()));
    }
}

/// Why a secret has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NoValue {
    message: String,
    help: String,
}

impl NoValue {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// Reads what the plan's steps need of the outside. What is wrong has been printed if this fails.
pub(crate) fn egress(
    settings: &Settings,
    project: &Project,
    plan: &Plan,
    vault: &Vault,
    cancel: &Cancel,
) -> Result<Egress, Failure> {
    let mut found = Vec::new();
    let files = grant_files(&project.root, plan, &mut found);
    let reaches_out = plan.steps.iter().any(|step| step.grants.reaches_out());
    let dns = if reaches_out { settings.dns.clone()? } else { Vec::new() };
    let mut config = EgressConfig {
        files: files.into_iter().collect(),
        dns,
        reaches_out,
        ..EgressConfig::default()
    };
    let reader = Reader {
        root: &project.root,
        home: settings.home.as_deref(),
        cancel,
    };
    for secret in &plan.secrets {
        match reader.read(secret, vault, &mut found) {
            Ok(value) => drop(config.secrets.insert(secret.name.clone(), value)),
            Err(NoValue { message, help }) => {
                let message = format!("the secret `{}` has no value: {message}", secret.name);
                found.push(Diagnostic::error("U0020", secret.span, message).help(help));
            }
        }
    }
    if !found.is_empty() {
        project.report(&found);
    }
    if cancel.is_cancelled() {
        return Err(Failure::reported(ErrorClass::Signal(2)));
    }
    if found.iter().any(|one| one.severity == Severity::Error) {
        return Err(Failure::reported(ErrorClass::Pipeline));
    }
    Ok(Egress::new(config))
}

/// The files that the grants of the plan's steps name, each read once.
fn grant_files(root: &Path, plan: &Plan, found: &mut Vec<Diagnostic>) -> BTreeMap<String, Vec<u8>> {
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for step in &plan.steps {
        let http = step.grants.http.iter();
        let of_http = http.flat_map(|grant| {
            grant
                .ca
                .iter()
                .chain(grant.client.as_ref().map(|client| &client.certificate))
        });
        let of_net = step
            .grants
            .net
            .iter()
            .filter_map(|grant| grant.login.as_ref()?.ca.as_ref());
        for name in of_http.chain(of_net) {
            names.entry(name).or_insert(step.span);
        }
    }
    let mut files = BTreeMap::new();
    for (name, span) in names {
        match read_inside(root, name) {
            Ok(bytes) => drop(files.insert(name.to_owned(), bytes)),
            Err(why) => {
                let message = format!("the grants name the file `{name}`, which cannot be used: {why}");
                let help = "name a file with certificates in PEM, relative to the pipeline file and below its folder";
                found.push(Diagnostic::error("U0021", span, message).help(help));
            }
        }
    }
    files
}

/// Reads a file of the project. One that a link leads out of it is none of it.
fn read_inside(root: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = root.join(name).canonicalize().map_err(|error| error.to_string())?;
    if !path.starts_with(root) {
        return Err("it is outside of the pipeline file's folder".to_owned());
    }
    let file = File::open(&path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_CERTIFICATES + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_CERTIFICATES {
        return Err(format!("it is larger than {} MiB", MAX_CERTIFICATES >> 20));
    }
    Ok(bytes)
}

/// Reads values.
struct Reader<'a> {
    root: &'a Path,
    home: Option<&'a Path>,
    cancel: &'a Cancel,
}

impl Reader<'_> {
    fn read(&self, secret: &PlannedSecret, vault: &Vault, found: &mut Vec<Diagnostic>) -> Result<SecretValue, NoValue> {
        if let Some(value) = vault.get(&secret.source) {
            return Ok(value);
        }
        let mut bytes = self.raw(secret, found)?;
        let value = SecretValue::new(std::mem::take(&mut *bytes));
        vault.put(&secret.source, &value);
        Ok(value)
    }

    /// The value's bytes, which are overwritten when they are dropped.
    fn raw(&self, secret: &PlannedSecret, found: &mut Vec<Diagnostic>) -> Result<Zeroizing<Vec<u8>>, NoValue> {
        let mut bytes = match &secret.source {
            SecretSource::Env(name) => from_variable(name)?,
            SecretSource::File(path) => {
                let path = self.path(path)?;
                let (bytes, open) = from_file(&path)?;
                if open {
                    let message = format!(
                        "the secret `{}`: others can read the file {}",
                        secret.name,
                        shown(&path)
                    );
                    let help = format!("chmod 600 '{}'", path.display());
                    found.push(Diagnostic::warning("U0022", secret.span, message).help(help));
                }
                bytes
            }
            SecretSource::Command(argv) => command::output(argv, self.root, MAX_SECRET, self.cancel)?,
        };
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(NoValue::new(
                "it is empty",
                "a secret has at least one byte: fill its source",
            ));
        }
        Ok(bytes)
    }

    /// Where a file is. A relative path names one of the project: a stranger's change can make a link of it, and the lock
    /// still says the same.
    fn path(&self, path: &str) -> Result<PathBuf, NoValue> {
        let Some(rest) = path.strip_prefix("~/") else {
            let whole = self.root.join(path);
            if Path::new(path).is_absolute() {
                return Ok(whole);
            }
            let found = whole.canonicalize().map_err(|error| unreadable(&whole, &error))?;
            if !found.starts_with(self.root) {
                let message = format!("`{path}` leads out of the pipeline file's folder");
                return Err(NoValue::new(message, "name it by its absolute path, or below `~/`"));
            }
            return Ok(found);
        };
        let home = self.home.ok_or_else(|| {
            NoValue::new(
                format!("HOME is not set, so there is no `{path}`"),
                "set HOME, or write the whole path",
            )
        })?;
        Ok(home.join(rest))
    }
}

fn too_large() -> NoValue {
    let most = MAX_SECRET >> 10;
    NoValue::new(
        format!("it is larger than {most} KiB"),
        "a secret is a password, a token or a key",
    )
}

fn from_variable(name: &str) -> Result<Zeroizing<Vec<u8>>, NoValue> {
    use std::os::unix::ffi::OsStringExt;
    let value = variable(name).ok_or_else(|| {
        NoValue::new(
            format!("the environment variable `{name}` is not set"),
            format!("export {name}=…"),
        )
    })?;
    let bytes = Zeroizing::new(value.into_vec());
    if bytes.len() > MAX_SECRET {
        Err(too_large())
    } else {
        Ok(bytes)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> NoValue {
    let help = match error.kind() {
        ErrorKind::NotFound => "write the value into that file, readable by you alone: `chmod 600`",
        _ => "let the user that runs airtight read it",
    };
    NoValue::new(format!("the file {} cannot be read: {error}", shown(path)), help)
}

/// The bytes of a file, and whether others than its owner can read it.
fn from_file(path: &Path) -> Result<(Zeroizing<Vec<u8>>, bool), NoValue> {
    let failed = |error: std::io::Error| unreadable(path, &error);
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        let message = format!("{} is no file", shown(path));
        return Err(NoValue::new(
            message,
            "name a file that holds the value and nothing else",
        ));
    }
    // With room for all of it at once: a buffer that grows leaves copies of what it held.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 64));
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_SECRET as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > MAX_SECRET {
        return Err(too_large());
    }
    Ok((bytes, found.permissions().mode() & 0o077 != 0))
}

#[cfg(test)]
mod tests;
