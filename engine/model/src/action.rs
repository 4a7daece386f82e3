//! Actions: all that determines a result, and the two keys made of it. One traversal feeds both the key and its
//! explanation, so they cannot disagree. Not here: looking a key up.

use crate::canonical::{Canonical, Encoder, canonical_document, canonical_record};
use crate::grant::Grants;
use crate::id::{ActionKey, BlobDigest, StaticKey};
use crate::step::{Invocation, Mount, OutputSpec, StepRequest};
use crate::tree::Node;

/// The version of what the engine lets a guest observe. Raise it with every change that can change a guest's result:
/// the clock's tick, the order of a listing, an error code.
pub const ENGINE_SEMANTICS: u32 = 2;

/// All that determines the result of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    component: BlobDigest,
    adapter: Option<BlobDigest>,
    invocation: Invocation,
    program: String,
    env: Vec<(String, String)>,
    cwd: String,
    clock_base: u64,
    fuel: Option<u64>,
    mounts: Vec<Mount>,
    outputs: Vec<OutputSpec>,
    grants: Grants,
}

/// What the traversal of an action feeds: a key, an explanation, or both.
pub trait KeySink {
    /// One field: its path in the action (`env.LANG`, `mounts./src`), its canonical bytes, and a text of it.
    fn field(&mut self, path: &str, bytes: &[u8], shown: &dyn Fn() -> String);
}

struct HashSink(blake3::Hasher);

impl KeySink for HashSink {
    fn field(&mut self, path: &str, bytes: &[u8], _: &dyn Fn() -> String) {
        let mut out = Encoder::new();
        out.bytes(path.as_bytes());
        out.bytes(bytes);
        self.0.update(&out.finish());
    }
}

/// A readable pre-image of a key: (path, text), in the order of the traversal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation(pub Vec<(String, String)>);

impl KeySink for Explanation {
    fn field(&mut self, path: &str, _: &[u8], shown: &dyn Fn() -> String) {
        self.0.push((path.to_owned(), shown()));
    }
}

impl Action {
    /// Takes from a request what determines its result. The request is taken apart exhaustively: a field that is new
    /// does not compile until it is placed here.
    pub fn new(request: &StepRequest) -> Self {
        let StepRequest {
            component,
            adapter,
            invocation,
            program,
            env,
            cwd,
            clock_base,
            mounts,
            outputs,
            grants,
            limits,
        } = request;
        // A struck limit ends the attempt and is never cached, so of the limits only fuel, which is counted, matters.
        let crate::step::Limits {
            memory: _,
            time_ms: _,
            output: _,
            files: _,
            log: _,
            handles: _,
            fuel,
            tables: _,
            stack: _,
            name: _,
            call: _,
            random: _,
            component: _,
            compile_ms: _,
            net: _,
        } = *limits;
        Self {
            component: *component,
            adapter: *adapter,
            invocation: invocation.clone(),
            program: program.clone(),
            env: env.clone(),
            cwd: cwd.clone(),
            clock_base: *clock_base,
            fuel,
            mounts: mounts.clone(),
            outputs: outputs.clone(),
            grants: grants.clone(),
        }
    }

    /// The mounts, in the order that observations count them by.
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The component's digest.
    pub fn component(&self) -> &BlobDigest {
        &self.component
    }

    /// Feeds everything but the mounted trees.
    pub fn describe_static(&self, sink: &mut dyn KeySink) {
        let Self {
            component,
            adapter,
            invocation,
            program,
            env,
            cwd,
            clock_base,
            fuel,
            mounts,
            outputs,
            grants,
        } = self;
        sink.field("engine", &ENGINE_SEMANTICS.to_bytes(), &|| ENGINE_SEMANTICS.to_string());
        sink.field("component", component.as_bytes(), &|| component.to_string());
        sink.field("adapter", &adapter.to_bytes(), &|| {
            adapter.map_or("none".to_owned(), |digest| digest.to_string())
        });
        self.describe_invocation(invocation, sink);
        sink.field("program", &program.to_bytes(), &|| program.clone());
        sink.field("env", &(env.len() as u64).to_bytes(), &|| {
            format!("{} names", env.len())
        });
        for (name, value) in env {
            sink.field(&format!("env.{name}"), &value.to_bytes(), &|| value.clone());
        }
        sink.field("cwd", &cwd.to_bytes(), &|| cwd.clone());
        sink.field("clock", &clock_base.to_bytes(), &|| clock_base.to_string());
        sink.field("fuel", &fuel.to_bytes(), &|| {
            fuel.map_or("none".to_owned(), |fuel| fuel.to_string())
        });
        sink.field("mounts", &(mounts.len() as u64).to_bytes(), &|| {
            mounts.len().to_string()
        });
        for mount in mounts {
            let shape = (mount.writable, matches!(mount.node, Node::File { .. }));
            sink.field(&format!("mounts.{}.shape", mount.at), &shape.to_bytes(), &|| {
                format!(
                    "{}, {}",
                    if shape.0 { "writable" } else { "read-only" },
                    mount.node.kind().word()
                )
            });
        }
        sink.field("outputs", &(outputs.len() as u64).to_bytes(), &|| {
            outputs.len().to_string()
        });
        for output in outputs {
            sink.field(&format!("outputs.{}", output.name), &output.path.to_bytes(), &|| {
                output.path.clone()
            });
            if let Some(pin) = &output.pin {
                sink.field(&format!("outputs.{}.pin", output.name), &pin.to_bytes(), &|| {
                    pin.to_string()
                });
            }
        }
        if !grants.is_empty() {
            describe_grants(grants, sink);
        }
    }

    fn describe_invocation(&self, invocation: &Invocation, sink: &mut dyn KeySink) {
        match invocation {
            Invocation::Function(function, arguments) => {
                sink.field("function", &function.to_bytes(), &|| function.to_string());
                sink.field("with", &(arguments.len() as u64).to_bytes(), &|| {
                    format!("{} arguments", arguments.len())
                });
                for (i, argument) in arguments.iter().enumerate() {
                    sink.field(&format!("with.{i}"), &argument.to_bytes(), &|| {
                        argument.to_data().to_string()
                    });
                }
            }
            Invocation::Command(arguments, stdin) => {
                sink.field("args", &arguments.to_bytes(), &|| format!("{arguments:?}"));
                sink.field("stdin", &stdin.to_bytes(), &|| {
                    stdin.map_or("none".to_owned(), |blob| blob.to_string())
                });
            }
        }
    }

    /// Feeds the mounted trees.
    pub fn describe_mounts(&self, sink: &mut dyn KeySink) {
        for mount in &self.mounts {
            sink.field(&format!("mounts.{}", mount.at), &mount.node.to_bytes(), &|| {
                mount.node.describe()
            });
        }
    }

    /// The static key: `derive_key("airtight action static key v1")` over [`Action::describe_static`], each field as
    /// its path and its bytes with their lengths.
    pub fn static_key(&self) -> StaticKey {
        let mut sink = HashSink(blake3::Hasher::new_derive_key("airtight action static key v1"));
        self.describe_static(&mut sink);
        StaticKey::from_bytes(*sink.0.finalize().as_bytes())
    }

    /// The full key: `derive_key("airtight action key v1")` over the static key's 32 bytes and then
    /// [`Action::describe_mounts`].
    pub fn full_key(&self, static_key: &StaticKey) -> ActionKey {
        let mut sink = HashSink(blake3::Hasher::new_derive_key("airtight action key v1"));
        sink.0.update(static_key.as_bytes());
        self.describe_mounts(&mut sink);
        ActionKey::from_bytes(*sink.0.finalize().as_bytes())
    }

    /// The readable pre-image of the full key.
    pub fn explain(&self) -> Explanation {
        let mut sink = Explanation::default();
        self.describe_static(&mut sink);
        self.describe_mounts(&mut sink);
        sink
    }
}

fn describe_grants(grants: &Grants, sink: &mut dyn KeySink) {
    let Grants {
        http,
        net,
        secrets,
        clock,
        random,
    } = grants;
    for (i, grant) in http.iter().enumerate() {
        sink.field(&format!("grants.http.{i}"), &grant.to_bytes(), &|| grant.to_string());
    }
    for (i, grant) in net.iter().enumerate() {
        sink.field(&format!("grants.net.{i}"), &grant.to_bytes(), &|| grant.to_string());
    }
    for grant in secrets {
        sink.field(&format!("grants.secrets.{}", grant.name), &grant.to_bytes(), &|| {
            grant.to_string()
        });
    }
    for (name, given) in [("clock", clock), ("random", random)] {
        sink.field(&format!("grants.{name}"), &given.to_bytes(), &|| {
            if *given { "real" } else { "none" }.to_owned()
        });
    }
}

canonical_record!(Mount { at, node, writable });
canonical_record!(Action {
    component,
    adapter,
    invocation,
    program,
    env,
    cwd,
    clock_base,
    fuel,
    mounts,
    outputs,
    grants,
});
canonical_document!(Action, *b"ATac", 2);
