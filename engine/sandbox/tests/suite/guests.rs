//! Makes guests of text and runs them. Not here: any test.

use std::path::Path;
use std::sync::{Arc, Mutex};

use airtight_egress::{Egress, EgressConfig, SecretValue};
use airtight_model::component::FunctionRef;
use airtight_model::step::{DEFAULT_CLOCK_BASE, Invocation, LogLine, Report};
use airtight_model::{BlobDigest, Captured, Limits, StepReport, StepRequest, Value};
use airtight_sandbox::{Compiler, EngineKind, RunControl, Sandbox, SandboxConfig, StepSink};
use airtight_store::Store;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component of a world and a core module that implements it.
pub(crate) fn component(wit: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve
        .push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit"))
        .unwrap();
    let package = resolve
        .push_str("test.wit", &format!("package test:guest;\n{wit}"))
        .unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .validate(true)
        .encode()
        .unwrap()
}

/// What every guest needs: memory, an allocator, and room for results at 8.
pub(crate) const PRELUDE: &str = r#"
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 65536))
  (func $alloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1))))))
    (local.get $at))
"#;

/// A function step: the module's text after the prelude.
pub(crate) fn function(wit: &str, module: &str) -> Vec<u8> {
    component(wit, &format!("(module {PRELUDE} {module})"))
}

/// A command that runs `body` and can call `$print` with a pointer and a length. `imports` are interfaces of the world,
/// `functions` what of them is imported and defined by the module.
pub(crate) fn command(imports: &[&str], functions: &str, body: &str) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("import {name};\n")).collect();
    let wit = format!(
        "world w {{ import wasi:cli/stdout@0.2.12; import wasi:io/streams@0.2.12; {imports} export wasi:cli/run@0.2.12; }}"
    );
    let (outside, inside): (Vec<&str>, Vec<&str>) = functions
        .lines()
        .partition(|line| line.trim_start().starts_with("(import"));
    let (outside, inside) = (outside.join("\n"), inside.join("\n"));
    let module = format!(
        r#"(module
          (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $get_stdout (result i32)))
          (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
          {outside}
          {PRELUDE}
          (func $print (param $at i32) (param $len i32)
            (call $write (call $get_stdout) (local.get $at) (local.get $len) (i32.const 8)))
          {inside}
          (func (export "wasi:cli/run@0.2.12#run") (result i32)
            {body}
            (i32.const 0)))"#
    );
    component(&wit, &module)
}

/// Hears everything.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) stdout: Mutex<Vec<u8>>,
    pub(crate) lines: Mutex<Vec<String>>,
}

impl StepSink for Heard {
    fn stdout(&self, chunk: &[u8]) {
        self.stdout.lock().unwrap().extend_from_slice(chunk);
    }
    fn log(&self, line: &LogLine) {
        self.lines.lock().unwrap().push(format!("log {}", line.message));
    }
    fn progress(&self, task: &str, done: u64, total: Option<u64>) {
        self.lines
            .lock()
            .unwrap()
            .push(format!("progress {task} {done} {total:?}"));
    }
    fn progress_finished(&self, task: &str) {
        self.lines.lock().unwrap().push(format!("finished {task}"));
    }
    fn report(&self, _report: &Report) {
        self.lines.lock().unwrap().push("report".to_owned());
    }
}

/// A sandbox over a store in memory.
pub(crate) struct Host {
    pub(crate) store: Store,
    pub(crate) sandbox: Sandbox,
    pub(crate) heard: Arc<Heard>,
    pub(crate) control: RunControl,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with_state(None)
    }

    pub(crate) fn with_state(state_dir: Option<&Path>) -> Self {
        Self::with_compiler(state_dir, EngineKind::default(), Compiler::InProcess)
    }

    pub(crate) fn with_engine(engine: EngineKind) -> Self {
        Self::with_compiler(None, engine, Compiler::InProcess)
    }

    pub(crate) fn with_compiler(state_dir: Option<&Path>, engine: EngineKind, compiler: Compiler) -> Self {
        Self::made(state_dir, engine, compiler, EgressConfig::default())
    }

    /// One that knows the value of a secret.
    pub(crate) fn with_secret(name: &str, value: &str) -> Self {
        let mut config = EgressConfig::default();
        let value = SecretValue::new(value.as_bytes().to_vec());
        config.secrets.insert(name.to_owned(), value);
        Self::made(None, EngineKind::default(), Compiler::InProcess, config)
    }

    fn made(state_dir: Option<&Path>, engine: EngineKind, compiler: Compiler, egress: EgressConfig) -> Self {
        let store = Store::memory();
        let components = Arc::new(store.clone());
        let state_dir = state_dir.map(Path::to_owned);
        let sandbox = Sandbox::new(SandboxConfig {
            state_dir,
            store: store.clone(),
            components,
            egress: Egress::new(egress),
            engine,
            compiler,
        });
        let heard = Arc::new(Heard::default());
        let control = RunControl {
            sink: Arc::clone(&heard) as Arc<dyn StepSink>,
            ..RunControl::default()
        };
        Self {
            store,
            sandbox,
            heard,
            control,
        }
    }

    /// A request for a command with nothing.
    pub(crate) fn command(&self, component: &[u8]) -> StepRequest {
        self.request(component, Invocation::Command(Vec::new(), None))
    }

    /// A request for the function `run`.
    pub(crate) fn function(&self, component: &[u8], arguments: Vec<Value>) -> StepRequest {
        let function = FunctionRef {
            interface: None,
            name: "run".to_owned(),
        };
        self.request(component, Invocation::Function(function, arguments))
    }

    pub(crate) fn request(&self, component: &[u8], invocation: Invocation) -> StepRequest {
        let adapter = wasmparser::Parser::is_core_wasm(component).then(airtight_sandbox::preview1_adapter_digest);
        StepRequest {
            component: self.store.put_blob(component).unwrap(),
            adapter,
            invocation,
            program: "guest".to_owned(),
            env: Vec::new(),
            cwd: "/".to_owned(),
            clock_base: DEFAULT_CLOCK_BASE,
            grants: Default::default(),
            mounts: Vec::new(),
            outputs: Vec::new(),
            limits: Limits::DEFAULT,
        }
    }

    pub(crate) async fn run(&self, request: &StepRequest) -> StepReport {
        self.sandbox.run(request, &self.control).await.report
    }

    pub(crate) fn bytes(&self, captured: &Captured) -> Vec<u8> {
        captured.blob.map_or(Vec::new(), |digest: BlobDigest| {
            self.store.blob(&digest).unwrap().read_all().unwrap()
        })
    }

    /// Runs and says what it printed, as 64-bit numbers.
    pub(crate) async fn numbers(&self, request: &StepRequest) -> Vec<u64> {
        let report = self.run(request).await;
        assert_eq!(report.cause, None);
        self.bytes(&report.stdout)
            .chunks(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
            .collect()
    }
}
