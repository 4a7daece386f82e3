//! The shape of the pipeline file in words: only described, never filled. Not here: reading a file (`lower`).

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value as Json;

type Named<T> = BTreeMap<String, T>;

/// A pipeline: steps that are WebAssembly components, and what they see, make and export.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Pipeline {
    /// The version of this format: 1.
    #[schemars(schema_with = "version")]
    airtight: u32,
    /// The pipeline's name.
    name: Option<String>,
    /// Values that a run gives: `airtight run --input NAME=VALUE`.
    inputs: Option<Named<Input>>,
    /// Folders and files of the user's tree that steps may see.
    sources: Option<Named<Source>>,
    /// Secrets, by name: where their values come from. No value is ever in a pipeline file.
    secrets: Option<Named<Secret>>,
    /// The steps, by name.
    steps: Option<Named<Step>>,
    /// The stages, in order: a step of a stage runs after all steps of earlier ones.
    stages: Option<Vec<String>>,
    /// Files whose inputs, sources and steps belong to this pipeline.
    include: Option<OneOrMany<Include>>,
    /// What is written to the user's tree at the end: a path, and the output that goes there.
    export: Option<Named<String>>,
}

fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": 1 })
}

/// One of them, or a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// An input.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Input {
    /// What kind of value it takes; `string` if it is left out.
    r#type: Option<InputKind>,
    /// The value if none is given.
    default: Option<Json>,
    /// The values that it takes.
    one_of: Option<Vec<Json>>,
    /// What it is for.
    description: Option<String>,
    /// Whether it must have a value: true without a default. False: it may be null.
    required: Option<bool>,
}

/// What kind of value an input takes.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum InputKind {
    String,
    Number,
    Integer,
    Boolean,
    List,
    Map,
}

/// A folder or file of the user's tree.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Source {
    /// The path, relative to this file.
    path: String,
    /// Globs of paths that are left out, relative to the source.
    exclude: Option<OneOrMany<String>>,
    /// Whether `.gitignore` files inside the source count; true if it is left out.
    gitignore: Option<bool>,
}

/// A file to include.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Include {
    /// Its path, relative to this file.
    Path(String),
    Full(IncludeFile),
}

/// A file to include, with values for its inputs.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct IncludeFile {
    /// Its path, relative to this file.
    file: String,
    /// Values for the inputs that it declares.
    inputs: Option<Named<Json>>,
}

/// A step: one component, called once, or once a cell of its matrix.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Step {
    /// The component: `std/NAME`, a path that begins with `./`, `oci://HOST/NAME:TAG`, or an output of another step.
    uses: String,
    /// The function to call; `run` if it is left out.
    function: Option<String>,
    /// The function's arguments, by parameter name.
    with: Option<Named<Json>>,
    /// A command's arguments.
    args: Option<Vec<String>>,
    /// Environment variables.
    env: Option<Named<String>>,
    /// A command's standard input.
    stdin: Option<String>,
    /// The working directory; `/` if it is left out.
    cwd: Option<String>,
    /// What the step sees: a path of its own, and the source or output that is there.
    mounts: Option<Named<Mount>>,
    /// What the step makes: a name, and the path where it is taken from.
    outputs: Option<Named<Output>>,
    /// What the step may do beside seeing its mounts: nothing if it is left out.
    grants: Option<Grants>,
    /// Bounds of an attempt.
    limits: Option<Limits>,
    /// When the step's clock starts: RFC 3339, or seconds since 1970.
    clock: Option<TextOrNumber>,
    /// A CEL expression: the step runs only if it is true.
    r#if: Option<TextOrBool>,
    /// Steps that this one follows, without using anything of them.
    after: Option<OneOrMany<String>>,
    /// Which outcomes of the steps before let this one run; `on-success` if it is left out.
    when: Option<WhenKind>,
    /// Its stage.
    stage: Option<String>,
    /// Whether the run may succeed although this step fails.
    allow_failure: Option<bool>,
    /// How often an attempt that errored or timed out is made again.
    retry: Option<RetryForm>,
    /// Runs the step once for each combination of values.
    matrix: Option<Matrix>,
    /// What the step is for.
    description: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum TextOrBool {
    Text(String),
    Bool(bool),
}

/// A mount.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Mount {
    /// A source, or an output: `step.output`, `step[cell].output`, `step[*].output`.
    Short(String),
    Full(MountFull),
}

/// A mount with all that can be said of it.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct MountFull {
    /// The source that is shown.
    source: Option<String>,
    /// The output that is shown.
    output: Option<String>,
    /// Globs: only matching files and their parent folders are seen.
    paths: Option<OneOrMany<String>>,
    /// Whether the step gets a private copy that it may change.
    writable: Option<bool>,
}

/// An output.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Output {
    /// Where it is taken from: `/out`, a path below it, or one in a writable mount.
    Short(String),
    Full(OutputFull),
}

/// An output with all that can be said of it.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct OutputFull {
    /// Where it is taken from.
    path: String,
    /// A file: the SHA-256 that it has to have, 64 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    sha256: Option<String>,
    /// A file: the BLAKE3 digest that it has to have, 64 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    blake3: Option<String>,
    /// A folder: the digest of its tree, 64 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    tree: Option<String>,
}

/// Where the value of a secret comes from: exactly one of these.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Secret {
    /// A variable of the environment of `airtight`.
    env: Option<String>,
    /// A file: absolute, below `~/`, or relative to this file. A line end at its end is not part of the value.
    file: Option<String>,
    /// A program and its arguments: what it prints, without a line end at its end.
    command: Option<Vec<String>>,
}

/// What a step may do beside seeing its mounts.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Grants {
    /// HTTP requests: hosts, and what may be asked of them.
    http: Option<OneOrMany<Http>>,
    /// Sockets: hosts and ports.
    net: Option<OneOrMany<Net>>,
    /// Secrets that it may use without seeing them, by name.
    secrets: Option<Named<SecretGrant>>,
    /// The real time.
    clock: Option<Real>,
    /// The operating system's randomness.
    random: Option<Real>,
}

/// The world's own.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Real {
    Real,
}

/// Requests to one origin.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Http {
    /// `https://HOST`, `https://*.HOST:PORT/PATH`: GET and HEAD.
    Url(String),
    Full(HttpFull),
}

/// Requests to one origin, with all that can be said of it.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct HttpFull {
    /// `https://HOST`, `https://*.HOST:PORT/PATH`.
    url: String,
    /// Methods, in capitals; GET and HEAD if they are left out.
    methods: Option<OneOrMany<String>>,
    /// Private addresses that the host may have: `10.0.0.0/8`.
    addresses: Option<OneOrMany<String>>,
    /// A file with the certificates that are trusted instead of the system's, in PEM.
    ca: Option<String>,
    /// What Airtight shows of itself to the server.
    client_certificate: Option<ClientCertificate>,
}

/// A client certificate.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct ClientCertificate {
    /// A file with the certificate and its chain, in PEM.
    certificate: String,
    /// The secret that is its private key, in PEM.
    key: String,
}

/// Sockets to one host and port.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Net {
    /// `tcp://HOST:PORT` or `udp://HOST:PORT`.
    Url(String),
    Full(NetFull),
}

/// Sockets to one host and port, with all that can be said of it.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct NetFull {
    /// `tcp://HOST:PORT` or `udp://HOST:PORT`.
    to: String,
    /// Private addresses that the host may have: `10.0.0.0/8`.
    addresses: Option<OneOrMany<String>>,
    /// A login that Airtight performs before the step speaks.
    login: Option<Login>,
}

/// A login.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Login {
    /// To PostgreSQL, by SCRAM-SHA-256.
    postgres: Postgres,
}

/// A login to PostgreSQL.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Postgres {
    /// The role.
    user: String,
    /// The secret that is its password.
    password: String,
    /// The database, where the step may not choose.
    database: Option<String>,
    /// Whether the connection is encrypted; true if it is left out.
    tls: Option<bool>,
    /// A file with the certificates that are trusted instead of the system's, in PEM.
    ca: Option<String>,
}

/// What a step may do with a secret.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct SecretGrant {
    /// The origins that it may be sent to: `https://HOST`. Each has to be granted by `http:` too.
    to: Option<OneOrMany<String>>,
    /// The places of a request that it may stand in.
    r#in: Option<OneOrMany<Place>>,
    /// What may be computed with it.
    operations: Option<OneOrMany<OperationKind>>,
    /// The variable of the environment that holds the placeholder.
    env: Option<String>,
}

/// A place of a request.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Place {
    Word(PlaceWord),
    Named(PlaceNamed),
}

/// A place of a request without a name.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum PlaceWord {
    Bearer,
    Basic,
}

/// A place of a request with a name: one of these.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct PlaceNamed {
    /// The header with that name.
    header: Option<String>,
    /// The query parameter with that name.
    query: Option<String>,
    /// The text at that JSON pointer of a JSON body.
    body: Option<String>,
}

/// What may be computed with a secret.
#[derive(JsonSchema)]
enum OperationKind {
    #[schemars(rename = "hmac-sha256")]
    HmacSha256,
    #[schemars(rename = "aws-sigv4")]
    AwsSigv4,
    #[schemars(rename = "jwt-sign")]
    JwtSign,
}

/// Bounds of an attempt.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Limits {
    /// Linear memory, such as `256MiB`.
    memory: Option<TextOrNumber>,
    /// Wall time, such as `90s`, or `none`.
    time: Option<String>,
    /// Bytes written.
    output: Option<TextOrNumber>,
    /// Files, folders and links made.
    files: Option<u64>,
    /// Bytes of standard output, standard error and log.
    log: Option<TextOrNumber>,
    /// Handles held at a time.
    handles: Option<u32>,
    /// Instructions, counted the same on every machine.
    fuel: Option<u64>,
    /// Elements of all tables together.
    tables: Option<u64>,
    /// The guest's stack, from `64KiB` to `256MiB`.
    stack: Option<TextOrNumber>,
    /// Bytes of the name of a file that it makes.
    name: Option<u32>,
    /// The host's memory for one call.
    call: Option<TextOrNumber>,
    /// Bytes of randomness of one call.
    random: Option<TextOrNumber>,
    /// The component's size.
    component: Option<TextOrNumber>,
    /// The time to compile the component, such as `5m`.
    compile: Option<String>,
    /// Bounds of HTTP and sockets.
    net: Option<NetLimits>,
}

/// Bounds of HTTP and sockets.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct NetLimits {
    /// Requests and connections begun.
    requests: Option<u64>,
    /// Connections open at a time.
    connections: Option<u32>,
    /// Names looked up.
    lookups: Option<u32>,
    /// The headers of one request or response.
    headers: Option<TextOrNumber>,
    /// The body of one request or response.
    body: Option<TextOrNumber>,
    /// All bytes sent and received.
    total: Option<TextOrNumber>,
    /// The time of one request, and of opening a connection, such as `5m`.
    time: Option<String>,
}

/// Which outcomes of the steps before let a step run.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum WhenKind {
    OnSuccess,
    OnFailure,
    Always,
}

/// How often an attempt is made again.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum RetryForm {
    Times(u32),
    Full(Retry),
}

/// How often, on which outcomes and how soon an attempt is made again.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Retry {
    /// How often at most; 1 if it is left out.
    times: Option<u32>,
    /// The outcomes: `errored` and `timed-out` if it is left out.
    on: Option<OneOrMany<RetryOn>>,
    /// The wait before the second attempt, such as `1s`, doubled for each that follows.
    backoff: Option<String>,
}

/// An outcome that may be worth another attempt.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum RetryOn {
    Errored,
    TimedOut,
    Failed,
    Denied,
}

/// A matrix: every other key is an axis with the list of its values.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
struct Matrix {
    /// More cells, or more values for cells.
    include: Option<Vec<Named<Json>>>,
    /// Cells to leave out.
    exclude: Option<Vec<Named<Json>>>,
    /// How many cells may run at a time.
    max_parallel: Option<u32>,
    /// Whether a failed cell cancels the others; true if it is left out.
    fail_fast: Option<bool>,
    /// An axis: a list of values, or an expression that gives one.
    #[schemars(flatten)]
    axes: Named<Axis>,
}

/// The values of an axis.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Axis {
    Values(Vec<Json>),
    Expression(String),
}
