//! The command line as clap types. Not here: defaults that need the environment (`settings`), or what a command does.

use std::path::PathBuf;

use airtight_pipeline::{Language, StepKind};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs pipelines of sandboxed WebAssembly steps, cached by what each step really read
#[derive(Debug, Parser)]
#[command(name = "airtight", version, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 ok, 1 a step failed, 2 usage, 3 invalid pipeline, 4 store, disk or network, \
    5 something was denied, 70 a bug in airtight, 128+n ended by signal n"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Read this pipeline file instead of the nearest `airtight.yaml`
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Keep the store in this folder [default: $AIRTIGHT_STORE, else the user's cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the pipeline
    Run(RunArgs),
    /// Show what a run would do, without doing it
    Plan(PlanArgs),
    /// Show the graph of steps
    Graph(GraphArgs),
    /// Say what a step's key is made of and why it would hit or miss
    Explain(ExplainArgs),
    /// Say which steps may reach a host, use a secret or read a path, and which did
    #[command(subcommand)]
    Query(QueryCommand),
    /// Run pure steps again under other conditions and compare what they make
    Verify(VerifyArgs),
    /// Say what a component exports, imports and asks for
    Inspect(InspectArgs),
    /// Write down which components the pipeline runs and what they may do
    Lock(LockArgs),
    /// Add a step for a component
    Add(AddArgs),
    /// Take over new digests of components into the lock
    Update(UpdateArgs),
    /// Bring the components that the lock names from their registries, so that runs need no network
    Fetch(FetchArgs),
    /// Push a component to a registry; print the reference that pins it
    Push(PushArgs),
    /// Write a component of a registry to a file
    Pull(PullArgs),
    /// Check the pipeline file and report all that is wrong
    Validate(SelectArgs),
    /// Write a first airtight.yaml
    Init(InitArgs),
    /// Start a project of a step, in a language
    New(NewArgs),
    /// Build a project of a step to a component
    Build(BuildArgs),
    /// Build a project of a step and run its cases in the sandbox
    Test(TestArgs),
    /// Print the JSON Schema of the pipeline file
    Schema(SchemaArgs),
    /// Look at outputs of the last run
    #[command(subcommand)]
    Artifact(ArtifactCommand),
    /// Look after the store
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What selects and parametrises steps.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct SelectArgs {
    /// Set an input of the pipeline
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) inputs: Vec<(String, String)>,
    /// Read inputs from a file (a YAML or JSON map)
    #[arg(long = "inputs", value_name = "FILE")]
    pub(crate) inputs_file: Option<PathBuf>,
    /// Read the event from a JSON file
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// Run only this step and what it needs (may be given several times)
    #[arg(long = "only", value_name = "STEP")]
    pub(crate) only: Vec<String>,
    /// Refuse to go on without a lock that lists all of the pipeline
    #[arg(long)]
    pub(crate) locked: bool,
    /// Take this lock, of a trusted revision, instead of the one beside the pipeline, and refuse all that it does not list
    #[arg(long, value_name = "FILE")]
    pub(crate) lock_from: Option<PathBuf>,
    /// Refuse what goes beyond this policy (may be given several times, and adds to /etc/airtight/policy.yaml)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args, Clone)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Run at most this many steps at a time [default: the number of processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Go on with what does not depend on a failed step
    #[arg(short, long)]
    pub(crate) keep_going: bool,
    /// Run every step, whatever the cache has
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Read every source file again instead of trusting unchanged times and sizes
    #[arg(long)]
    pub(crate) no_stat_cache: bool,
    /// Print events as JSON lines on standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Show progress
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    /// Write a report, for example junit=report.xml
    #[arg(long, value_name = "KIND=FILE", value_parser = report)]
    pub(crate) report: Vec<Report>,
    /// Run again whenever a source or the pipeline changes
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print what guests write as it is, control characters included
    #[arg(long)]
    pub(crate) raw: bool,
}

impl RunArgs {
    /// A run of what is selected, as another command needs it.
    pub(crate) fn of(select: SelectArgs) -> Self {
        Self {
            select,
            jobs: None,
            keep_going: false,
            no_cache: false,
            no_stat_cache: false,
            format: Format::Text,
            progress: Progress::None,
            report: Vec::new(),
            watch: false,
            raw: false,
        }
    }
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Verify these steps only
    pub(crate) steps: Vec<String>,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Run fixed-output steps again too, which use the network
    #[arg(long)]
    pub(crate) fetch: bool,
    /// Run at most this many steps at a time [default: the number of processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Print a JSON object for each step
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum QueryCommand {
    /// Which steps may reach a host, and which did
    Reach {
        /// A name, an address, or the names below one: *.example.com
        host: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// Which steps may use a secret, where and for what, and which did
    Secret {
        /// Its name in the pipeline file
        name: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// Which steps may read a path, and which read it when they last ran
    Reads {
        /// A path in the project, or one as a step sees it: /src/main.c
        path: String,
        #[command(flatten)]
        asked: Asked,
    },
}

/// What all questions take.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Print the answer as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// The form of a command's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A live area on a terminal, lines elsewhere
    Auto,
    /// A line for a start and a finish
    Plain,
    /// Failures and the last line only
    None,
}

/// A report to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// JUnit XML into a file.
    JUnit(PathBuf),
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Print the least grants that cover what steps did and were refused when they last ran, or in a run
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "last")]
    pub(crate) suggest_grants: Option<String>,
    /// Print the plan as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// The form of the graph
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(crate) format: GraphFormat,
}

/// The form of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Lines for people
    Text,
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The step
    pub(crate) step: String,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A .wasm file, a component of a registry (oci://HOST/NAME:TAG) or a standard component such as std/archive
    pub(crate) component: String,
    /// Print it as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Print it as JSON: the same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// How a lock that widens is accepted.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// Accept what widens: after a question on a terminal, or by the digest that the refusal printed
    #[arg(long, value_name = "DIGEST", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) accept: Option<String>,
}

/// Arguments of `lock`.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
}

/// Arguments of `add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// A .wasm file in the pipeline's folder, a component of a registry (oci://HOST/NAME:TAG) or a standard component such as std/archive
    pub(crate) uses: String,
    /// The step's name [default: the component's]
    #[arg(long, value_name = "NAME")]
    pub(crate) step: Option<String>,
    /// Refuse every other binary at that path until `airtight update`
    #[arg(long)]
    pub(crate) pin: bool,
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
}

/// Arguments of `update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Steps whose components are taken over [default: all]
    #[arg(value_name = "STEP")]
    pub(crate) steps: Vec<String>,
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
}

/// Arguments of `fetch`.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// Fail too if the pipeline uses something that the lock does not list
    #[arg(long)]
    pub(crate) locked: bool,
}

/// Arguments of `push`.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The component: a .wasm file
    pub(crate) file: PathBuf,
    /// Where to: oci://HOST/NAME:VERSION [default VERSION: the one that the component says]
    pub(crate) reference: String,
    /// Take a tag that is not a version, such as latest
    #[arg(long)]
    pub(crate) any_tag: bool,
    /// Let a tag that is there already name this component from now on
    #[arg(long)]
    pub(crate) move_tag: bool,
}

/// Arguments of `pull`.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Which: oci://HOST/NAME:TAG or oci://HOST/NAME@sha256:DIGEST
    pub(crate) reference: String,
    /// Where to write it [default: NAME.wasm, if there is no such file]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder to write airtight.yaml into
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// Arguments of `new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The language that the step is written in
    #[arg(long, value_name = "LANGUAGE", value_parser = language)]
    pub(crate) lang: Language,
    /// What the step exports: a function with typed parameters, or a command with arguments
    #[arg(long, value_name = "KIND", value_parser = kind, default_value = "function")]
    pub(crate) kind: StepKind,
    /// The step's name, or a new folder whose last part is the name
    #[arg(value_name = "NAME")]
    pub(crate) name: PathBuf,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The project's folder
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) project: PathBuf,
    /// Write the component there instead of `build/NAME.wasm`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The project's folder
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) project: PathBuf,
    /// Run this case only (may be given several times)
    #[arg(long = "case", value_name = "NAME")]
    pub(crate) cases: Vec<String>,
    /// Write what the step does as what is expected of it
    #[arg(long)]
    pub(crate) bless: bool,
    /// Take the component that is there instead of building it
    #[arg(long)]
    pub(crate) no_build: bool,
}

fn language(text: &str) -> Result<Language, String> {
    let written = airtight_authoring::templates::languages();
    let known = written.iter().find(|language| language.word() == text);
    known.copied().ok_or_else(|| {
        let words: Vec<&str> = written.iter().map(|language| language.word()).collect();
        format!("it is one of {}", words.join(", "))
    })
}

fn kind(text: &str) -> Result<StepKind, String> {
    let known = StepKind::ALL.into_iter().find(|(word, _)| *word == text);
    known
        .map(|(_, kind)| kind)
        .ok_or_else(|| "it is `function` or `command`".to_owned())
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Leave `with:` open instead of narrowing it by the components that the pipeline uses
    #[arg(long)]
    pub(crate) general: bool,
}

/// Commands on outputs of the last run.
#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactCommand {
    /// List outputs, or the files of one
    Ls {
        /// STEP, STEP.OUTPUT or STEP.OUTPUT/PATH
        artifact: Option<String>,
    },
    /// Write an output to a new file or folder
    Get {
        /// STEP.OUTPUT or STEP.OUTPUT/PATH
        artifact: String,
        /// Where to write it
        to: PathBuf,
    },
    /// Print a file of an output
    Cat {
        /// STEP.OUTPUT or STEP.OUTPUT/PATH
        artifact: String,
    },
}

/// Commands on the store.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Say what is in the store
    Stats,
    /// Remove what was not used lately, down to a size
    Sweep {
        /// Keep at most this much, for example 5GiB
        #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = size)]
        keep: u64,
    },
    /// Read every blob and entry and set aside what was altered
    Verify,
    /// Write results and what they name to one file, for another machine
    Export {
        /// The file to write
        to: PathBuf,
    },
    /// Take over results from such a file, on its maker's word
    Import {
        /// The file to read
        from: PathBuf,
    },
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    if key.is_empty() {
        Err(format!("`{text}` has no name before the `=`"))
    } else {
        Ok((key.into(), value.into()))
    }
}

fn report(text: &str) -> Result<Report, String> {
    match text.split_once('=') {
        Some(("junit", file)) if !file.is_empty() => Ok(Report::JUnit(file.into())),
        _ => Err(format!("`{text}` is not a report that there is: write junit=FILE")),
    }
}

/// Reads a size such as `512MiB`; a bare number is bytes.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text[digits..].trim() {
        "" | "B" => 1u64,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(format!("`{text}` is not a size: write for example 5GiB")),
    };
    let count: u64 = text[..digits]
        .parse()
        .map_err(|_| format!("`{text}` is not a size: write for example 5GiB"))?;
    count.checked_mul(unit).ok_or_else(|| format!("`{text}` is too large"))
}
