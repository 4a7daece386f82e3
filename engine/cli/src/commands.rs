//! The commands: one module each, and what they share. Not here: the arguments' types (`args`).

mod add;
mod artifact;
mod build;
mod cache;
mod explain;
mod graph;
mod init;
mod inspect;
mod lock;
mod new;
mod plan;
mod query;
mod registry;
pub(crate) mod run;
mod schema;
mod suggest;
mod test;
mod validate;
mod verify;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use airtight_store::Store;
use clap::CommandFactory;

use crate::accepted;
use crate::args::{Cli, Command};
use crate::catalog::{FileCatalog, Remote};
use crate::failure::Failure;
use crate::output;
use crate::project::Project;
use crate::reading::Reading;
use crate::registries::{self, Registries};
use crate::secrets::Vault;
use crate::settings::Settings;

/// What the commands share. What costs anything is made when it is first asked for.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    store: OnceLock<Store>,
    /// What planning reads of the user's files.
    pub(crate) reading: Arc<Reading>,
    /// Values of secrets that were read.
    pub(crate) vault: Vault,
    /// Stands in for the store where there is none to be had, and never for a command that keeps something.
    memory: OnceLock<Store>,
}

impl Context {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            store: OnceLock::new(),
            reading: Arc::default(),
            vault: Vault::default(),
            memory: OnceLock::new(),
        }
    }

    /// The store, opened now if it is not open.
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let folder = self.settings.store.as_ref().map_err(Clone::clone)?;
        let store = Store::open(folder, airtight_store::OpenOptions::default()).map_err(Failure::store)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// The store, or one in memory where there is none to be had: for commands that only look.
    pub(crate) fn store_or_memory(&self) -> &Store {
        self.store().unwrap_or_else(|_| self.memory.get_or_init(Store::memory))
    }

    /// The pipeline file, read and checked: all that is wrong in it has been printed if this fails.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        Project::load(self)
    }

    /// As [`Context::project`], and what the lock does not list or the store does not have is asked for at its registry. `again` names
    /// components whose tags are looked up again, whatever the lock says.
    pub(crate) fn project_online(&self, again: &[String]) -> Result<Project, Failure> {
        Project::load_online(self, again)
    }

    /// Components of registries, as seen from the nearest pipeline: what its lock lists comes from the store, the rest from its registry.
    pub(crate) fn remote(&self) -> Result<Remote, Failure> {
        let lock = match self.settings.pipeline_file() {
            Ok(file) if file.is_file() => accepted::local_lock(self, &file)?,
            _ => None,
        };
        let store = self.store_or_memory().clone();
        let registries = Registries::new(&self.settings, store)?;
        let pins = lock.as_ref().map(registries::pins_of).unwrap_or_default();
        Ok(Remote::online(pins, registries, &[]))
    }

    /// Components as seen from a folder.
    pub(crate) fn catalog_at(&self, root: &Path) -> Result<FileCatalog, Failure> {
        Ok(FileCatalog::new(root, self.store_or_memory().clone()))
    }
}

/// Does what the command says.
pub(crate) fn dispatch(command: Command, settings: Settings) -> Result<(), Failure> {
    let context = Context::new(settings);
    match command {
        Command::Run(args) => run::run(&context, &args),
        Command::Plan(args) => plan::plan(&context, &args),
        Command::Graph(args) => graph::graph(&context, &args),
        Command::Explain(args) => explain::explain(&context, &args),
        Command::Query(command) => query::query(&context, &command),
        Command::Verify(args) => verify::verify(&context, &args),
        Command::Inspect(args) => inspect::inspect(&context, &args),
        Command::Lock(args) => lock::lock(&context, &args),
        Command::Add(args) => add::add(&context, &args),
        Command::Update(args) => lock::update(&context, &args),
        Command::Fetch(args) => registry::fetch(&context, &args),
        Command::Push(args) => registry::push(&context, &args),
        Command::Pull(args) => registry::pull(&context, &args),
        Command::Validate(args) => validate::validate(&context, &args),
        Command::Init(args) => init::init(&context, &args),
        Command::New(args) => new::new(&context, &args),
        Command::Build(args) => build::build(&context, &args).map(drop),
        Command::Test(args) => test::test(&context, &args),
        Command::Schema(args) => schema::schema(&context, &args),
        Command::Artifact(command) => artifact::artifact(&context, &command),
        Command::Cache(command) => cache::cache(&context, &command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "airtight", &mut script);
            output::data(&script).map_err(Failure::closed_output)
        }
    }
}
