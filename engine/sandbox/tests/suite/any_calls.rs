//! Every function that a guest can call, called in any order with any arguments: the guest may fail, the host may not.
//! Not here: what the calls do.

use std::fmt::Write as _;
use std::path::Path;

use airtight_model::grant::{HttpGrant, NetGrant, Scheme, SecretGrant, SecretOperation, SecretPlace, Transport};
use airtight_model::{Outcome, StepRequest, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind, TypeId, WorldItem};

use crate::guests::{Host, PRELUDE, component};

const INTERFACES: [&str; 31] = [
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:random/random@0.2.12",
    "wasi:random/insecure@0.2.12",
    "wasi:random/insecure-seed@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:sockets/network@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
    "wasi:sockets/tcp@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/udp@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
    "wasi:http/types@0.2.12",
    "wasi:http/outgoing-handler@0.2.12",
    "wasi:cli/environment@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "airtight:step/log@0.1.0",
    "airtight:step/progress@0.1.0",
    "airtight:step/report@0.1.0",
    "airtight:step/artifact@0.1.0",
    "airtight:step/secret@0.1.0",
];

/// How many arguments a call of a script has.
const ARGUMENTS: usize = 16;
/// Where the guest keeps the handles that it got: for each kind a count and [`HANDLES`] of them.
const POOLS: usize = 8192;
const HANDLES: usize = 31;
/// Where results go.
const RESULT: usize = 1024;
/// What texts and lists are taken from, in parts of 32 bytes.
const TEXTS: usize = 2048;
const WORDS: [&str; 8] = [
    "localhost",
    "127.0.0.1:9",
    "token",
    "/out/x",
    "content-length",
    "x-any",
    "../\\u{0}\\n",
    "GET /a?b=c",
];

/// Writes a module that calls everything, by a script.
struct Writer {
    resolve: Resolve,
    /// The kinds of handles.
    kinds: Vec<TypeId>,
    imports: String,
    wrappers: String,
    count: usize,
}

impl Writer {
    fn kind(&mut self, id: TypeId) -> usize {
        let mut id = id;
        while let TypeDefKind::Type(Type::Id(inner)) = self.resolve.types[id].kind {
            id = inner;
        }
        let known = self.kinds.iter().position(|kind| *kind == id);
        known.unwrap_or_else(|| {
            self.kinds.push(id);
            self.kinds.len() - 1
        })
    }

    /// The kind of handle that a type is.
    fn handle(&mut self, ty: &Type) -> Option<usize> {
        let Type::Id(id) = ty else { return None };
        match self.resolve.types[*id].kind {
            TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) => Some(self.kind(resource)),
            TypeDefKind::Type(inner) => self.handle(&inner),
            _ => None,
        }
    }

    /// The places of handles in a result that is in memory: the kind and the offset.
    fn handles(&mut self, ty: &Type) -> Vec<(usize, usize)> {
        let Type::Id(id) = ty else { return Vec::new() };
        let parts = match &self.resolve.types[*id].kind {
            TypeDefKind::Tuple(tuple) => tuple.types.clone(),
            _ => vec![*ty],
        };
        let kinds: Vec<_> = parts.iter().map(|part| self.handle(part)).collect();
        kinds
            .into_iter()
            .enumerate()
            .filter_map(|(i, kind)| Some((kind?, 4 * i)))
            .collect()
    }

    fn import(&mut self, interface: &str, name: &str, params: &[WasmType], results: &[WasmType]) -> usize {
        let words = |types: &[WasmType]| types.iter().map(|ty| core(*ty)).collect::<Vec<_>>().join(" ");
        let (params, results) = (words(params), words(results));
        let result = if results.is_empty() {
            String::new()
        } else {
            format!("(result {results})")
        };
        let at = self.count;
        self.count += 1;
        writeln!(
            self.imports,
            r#"(import "{interface}" "{name}" (func $f{at} (param {params}) {result}))"#
        )
        .unwrap();
        at
    }

    fn function(&mut self, interface: &str, function: &Function) {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let at = self.import(interface, &function.name, &signature.params, &signature.results);
        let mut body = String::new();
        let mut arguments = Vec::new();
        if signature.indirect_params {
            arguments.push(format!("(i32.const {TEXTS})"));
        } else {
            for param in &function.params {
                self.argument(&param.ty, function, &mut body, &mut arguments);
            }
        }
        if signature.retptr {
            arguments.push(format!("(i32.const {RESULT})"));
        }
        let call = format!("(call $f{at} {})", arguments.join(" "));
        let made = function.result.and_then(|ty| self.handle(&ty));
        match (made, signature.results.is_empty()) {
            (Some(kind), false) => write!(body, "(call $keep (i32.const {kind}) {call})").unwrap(),
            (None, false) => write!(body, "(drop {call})").unwrap(),
            (_, true) => write!(body, "{call}").unwrap(),
        }
        if let (true, Some(Type::Id(id))) = (signature.retptr, function.result)
            && let TypeDefKind::Result(wit_parser::Result_ { ok: Some(ok), .. }) = self.resolve.types[id].kind
        {
            let payload = if function.name == "handle" { 8 } else { 4 };
            for (kind, offset) in self.handles(&ok) {
                let from = RESULT + payload + offset;
                write!(
                    body,
                    "(if (i32.eqz (i32.load8_u (i32.const {RESULT}))) (then (call $keep (i32.const {kind}) (i32.load (i32.const {from})))))"
                )
                .unwrap();
            }
        }
        writeln!(self.wrappers, "(func $w{at} (param $at i32) {body})").unwrap();
    }

    /// What is given for a parameter: a handle of its kind, one of the words, or what the script says.
    fn argument(&mut self, ty: &Type, function: &Function, body: &mut String, arguments: &mut Vec<String>) {
        let from = 8 * (arguments.len() % ARGUMENTS);
        if let Some(kind) = self.handle(ty) {
            let pool = POOLS + kind * 4 * (HANDLES + 1);
            write!(body, "(if (i32.eqz (i32.load (i32.const {pool}))) (then (return)))").unwrap();
            arguments.push(format!(
                "(call $pick (i32.const {kind}) (i32.load offset={from} (local.get $at)))"
            ));
            return;
        }
        let mut alone = function.clone();
        alone.params.truncate(1);
        alone.params[0].ty = *ty;
        alone.result = None;
        let flat = self.resolve.wasm_signature(AbiVariant::GuestImport, &alone).params;
        let cases = self.cases(ty);
        for (i, ty) in flat.into_iter().enumerate() {
            let from = 8 * (arguments.len() % ARGUMENTS);
            let load = format!("({}.load offset={from} (local.get $at))", core(ty));
            arguments.push(match ty {
                WasmType::I32 if i == 0 && cases > 0 => format!("(i32.rem_u {load} (i32.const {cases}))"),
                WasmType::Pointer => {
                    format!("(i32.add (i32.const {TEXTS}) (i32.shl (i32.and {load} (i32.const 7)) (i32.const 5)))")
                }
                WasmType::Length => format!("(i32.and {load} (i32.const 31))"),
                _ => load,
            });
        }
    }

    /// How many cases a type has, 0 where it has none.
    fn cases(&self, ty: &Type) -> usize {
        match ty {
            Type::Bool => 2,
            Type::Id(id) => match &self.resolve.types[*id].kind {
                TypeDefKind::Option(_) | TypeDefKind::Result(_) => 2,
                TypeDefKind::Variant(variant) => variant.cases.len(),
                TypeDefKind::Enum(cases) => cases.cases.len(),
                TypeDefKind::Type(inner) => self.cases(inner),
                _ => 0,
            },
            _ => 0,
        }
    }

    fn dropped(&mut self, interface: &str, resource: TypeId, name: &str) {
        let kind = self.kind(resource);
        let at = self.import(interface, &format!("[resource-drop]{name}"), &[WasmType::I32], &[]);
        let pool = POOLS + kind * 4 * (HANDLES + 1);
        writeln!(
            self.wrappers,
            "(func $w{at} (param $at i32)
               (if (i32.eqz (i32.load (i32.const {pool}))) (then (return)))
               (call $f{at} (call $take (i32.const {kind}))))"
        )
        .unwrap();
    }
}

fn core(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

/// A step that makes the calls of a script: `list<u64>` of a function's number and its arguments, call by call.
fn caller() -> Vec<u8> {
    let imports: String = INTERFACES.iter().map(|name| format!("import {name};\n")).collect();
    let wit = format!("world w {{ {imports} export run: func(script: list<u64>); }}");
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    resolve.push_dir(folder).unwrap();
    let package = resolve
        .push_str("any.wit", &format!("package test:guest;\n{wit}"))
        .unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let interfaces: Vec<_> = resolve.worlds[world]
        .imports
        .iter()
        .filter_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } => Some((resolve.name_world_key(key), *id)),
            _ => None,
        })
        .collect();
    let mut writer = Writer {
        resolve,
        kinds: Vec::new(),
        imports: String::new(),
        wrappers: String::new(),
        count: 0,
    };
    for (name, id) in interfaces {
        let interface = writer.resolve.interfaces[id].clone();
        for function in interface.functions.values() {
            writer.function(&name, function);
        }
        for (resource, id) in &interface.types {
            if matches!(writer.resolve.types[*id].kind, TypeDefKind::Resource) {
                writer.dropped(&name, *id, resource);
            }
        }
    }
    let texts: String = WORDS
        .iter()
        .enumerate()
        .map(|(i, word)| format!("(data (i32.const {}) \"{word}\")\n", TEXTS + 32 * i))
        .collect();
    let table: String = (0..writer.count).map(|at| format!("$w{at} ")).collect();
    let (stride, bytes) = (4 * (HANDLES + 1), 8 * (ARGUMENTS + 1));
    let module = format!(
        r#"(module {imports} {PRELUDE} {texts}
        (type $call (func (param i32)))
        (table funcref (elem {table}))
        (func $pool (param $kind i32) (result i32)
          (i32.add (i32.const {POOLS}) (i32.mul (local.get $kind) (i32.const {stride}))))
        (func $slot (param $kind i32) (param $at i32) (result i32)
          (i32.add (i32.add (call $pool (local.get $kind)) (i32.const 4)) (i32.shl (local.get $at) (i32.const 2))))
        (func $keep (param $kind i32) (param $handle i32)
          (local $count i32)
          (local.set $count (i32.load (call $pool (local.get $kind))))
          (if (i32.ge_u (local.get $count) (i32.const {HANDLES})) (then (return)))
          (i32.store (call $slot (local.get $kind) (local.get $count)) (local.get $handle))
          (i32.store (call $pool (local.get $kind)) (i32.add (local.get $count) (i32.const 1))))
        (func $pick (param $kind i32) (param $which i32) (result i32)
          (i32.load (call $slot (local.get $kind)
            (i32.rem_u (local.get $which) (i32.load (call $pool (local.get $kind)))))))
        (func $take (param $kind i32) (result i32)
          (local $count i32)
          (local.set $count (i32.sub (i32.load (call $pool (local.get $kind))) (i32.const 1)))
          (i32.store (call $pool (local.get $kind)) (local.get $count))
          (i32.load (call $slot (local.get $kind) (local.get $count))))
        {wrappers}
        (func (export "run") (param $at i32) (param $count i32)
          (local $end i32)
          (local.set $end (i32.add (local.get $at) (i32.shl (local.get $count) (i32.const 3))))
          (loop $more
            (if (i32.lt_u (local.get $at) (local.get $end)) (then
              (call_indirect (type $call) (i32.add (local.get $at) (i32.const 8))
                (i32.rem_u (i32.load (local.get $at)) (i32.const {count})))
              (local.set $at (i32.add (local.get $at) (i32.const {bytes})))
              (br $more))))))"#,
        imports = writer.imports,
        wrappers = writer.wrappers,
        count = writer.count,
    );
    component(&wit, &module)
}

fn request(host: &Host, component: &[u8]) -> StepRequest {
    let mut request = host.function(component, Vec::new());
    request.grants.secrets.push(SecretGrant {
        name: "token".to_owned(),
        to: vec!["http://127.0.0.1:9".parse().unwrap()],
        places: vec![SecretPlace::Bearer],
        operations: vec![
            SecretOperation::HmacSha256,
            SecretOperation::JwtSign,
            SecretOperation::AwsSigv4,
        ],
        env: None,
    });
    // Port 9 of this machine: nobody listens there.
    request.grants.http.push(HttpGrant {
        scheme: Scheme::Http,
        host: "127.0.0.1".parse().unwrap(),
        port: 9,
        path: "/".to_owned(),
        methods: vec!["GET".to_owned()],
        addresses: Vec::new(),
        ca: None,
        client: None,
    });
    for transport in [Transport::Tcp, Transport::Udp] {
        request.grants.net.push(NetGrant {
            transport,
            host: "127.0.0.1".parse().unwrap(),
            port: 9,
            addresses: Vec::new(),
            login: None,
        });
    }
    request.limits.time_ms = Some(300);
    request.limits.memory = 64 << 20;
    request
}

fn calls() -> impl Strategy<Value = Vec<u64>> {
    let argument = prop_oneof![
        8 => 0u64..8,
        2 => 0u64..70_000,
        1 => any::<u64>(),
    ];
    let call = (any::<u32>(), proptest::collection::vec(argument, ARGUMENTS));
    let flat = |calls: Vec<(u32, Vec<u64>)>| {
        let call = |(which, arguments)| std::iter::once(u64::from(which)).chain(arguments).collect::<Vec<_>>();
        calls.into_iter().flat_map(call).collect()
    };
    proptest::collection::vec(call, 1..200).prop_map(flat)
}

// A guest can call anything with anything. It traps, fails, is refused or takes too long; the host is never at fault.
#[test]
fn any_calls_with_any_arguments_are_never_the_hosts_failure() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let host = Host::with_secret("token", "canary-1c0b77");
    let component = caller();
    let mut runner = TestRunner::new(Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    });
    let plain = request(&host, &component);
    let outcomes = std::sync::Mutex::new(Vec::new());
    runner
        .run(&calls(), |script| {
            let mut request = plain.clone();
            let script = Value::List(script.into_iter().map(Value::Unsigned).collect());
            if let airtight_model::step::Invocation::Function(_, arguments) = &mut request.invocation {
                arguments.push(script);
            }
            let report = runtime.block_on(host.run(&request));
            prop_assert!(report.outcome != Outcome::Errored, "{:?}", report.cause);
            outcomes.lock().unwrap().push(report.outcome);
            Ok(())
        })
        .unwrap();
    // A script that only ever traps at its first call would show nothing.
    let went_through = outcomes
        .lock()
        .unwrap()
        .iter()
        .filter(|outcome| **outcome == Outcome::Succeeded)
        .count();
    assert!(went_through > 0, "no script came to its end");
}
