//! Actions: all that determines a result, and the two keys made of it. One traversal feeds both the key and its
//! explanation, so they cannot disagree. Not here: looking a key up.

use std::sync::{LazyLock, OnceLock};

use crate::canonical::{Canonical, DecodeError, Decoder, Encoder, canonical_document, canonical_record};
use crate::grant::Grants;
use crate::id::{ActionKey, BlobDigest, StaticKey};
use crate::step::{Invocation, Limits, Mount, OutputSpec, StepRequest};
use crate::tree::Node;

/// The version of what the engine lets a guest observe. Raise it with every change that can change a guest's result:
/// the clock's tick, the order of a listing, an error code.
pub const ENGINE_SEMANTICS: u32 = 2;

/// All that determines the result of a step.
#[derive(Debug, Clone)]
pub struct Action {
    fields: Fields,
    /// Its keys, once they were asked for: a look-up, what comes of it and its event need the same two. Nothing changes
    /// the fields of an action that is made, so what is remembered here is what hashing again would give.
    keys: OnceLock<(StaticKey, ActionKey)>,
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Fields {
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
    /// One field: its path in the action (`env.LANG`, `mounts./src`) in pieces, what writes its canonical bytes, and a
    /// text of it.
    fn field(&mut self, path: &[&str], value: &dyn Fn(&mut Encoder), shown: &dyn Fn() -> String);
}

/// What is hashed, put together first: one update for all fields instead of some for each.
struct HashSink {
    all: Encoder,
    /// The value of one field, whose length comes before it.
    value: Encoder,
}

impl KeySink for HashSink {
    fn field(&mut self, path: &[&str], value: &dyn Fn(&mut Encoder), _: &dyn Fn() -> String) {
        self.all.uint(path.iter().map(|piece| piece.len() as u64).sum());
        path.iter().for_each(|piece| self.all.raw(piece.as_bytes()));
        self.value.clear();
        value(&mut self.value);
        self.all.bytes(self.value.as_slice());
    }
}

impl HashSink {
    fn new() -> Self {
        Self {
            all: Encoder::with_capacity(1024),
            value: Encoder::with_capacity(256),
        }
    }

    fn finish(&self, mut hasher: blake3::Hasher) -> [u8; 32] {
        hasher.update(self.all.as_slice());
        *hasher.finalize().as_bytes()
    }
}

/// The hashers of both keys with their contexts taken in, which costs as much as a short action.
static STATIC_KEY: LazyLock<blake3::Hasher> =
    LazyLock::new(|| blake3::Hasher::new_derive_key("airtight action static key v1"));
static FULL_KEY: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key("airtight action key v1"));

/// A readable pre-image of a key: (path, text), in the order of the traversal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation(pub Vec<(String, String)>);

impl KeySink for Explanation {
    fn field(&mut self, path: &[&str], _: &dyn Fn(&mut Encoder), shown: &dyn Fn() -> String) {
        self.0.push((path.concat(), shown()));
    }
}

impl Action {
    /// Takes from a request what determines its result. The request is taken apart exhaustively: a field that is new
    /// does not compile until it is placed here.
    pub fn new(request: &StepRequest) -> Self {
        Self::taking(request.clone())
    }

    /// As [`Action::new`], of a request that is needed no more: [`Action::request`] gives it back.
    pub fn taking(request: StepRequest) -> Self {
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
        let Limits {
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
        } = limits;
        Self::of(Fields {
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
        })
    }

    /// The request that this is the action of, whose limits were these.
    pub fn request(&self, limits: Limits) -> StepRequest {
        let Fields {
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
        } = self.fields.clone();
        StepRequest {
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
            limits: Limits { fuel, ..limits },
        }
    }

    fn of(fields: Fields) -> Self {
        Self {
            fields,
            keys: OnceLock::new(),
        }
    }

    /// The mounts, in the order that observations count them by.
    pub fn mounts(&self) -> &[Mount] {
        &self.fields.mounts
    }

    /// The outputs.
    pub fn outputs(&self) -> &[OutputSpec] {
        &self.fields.outputs
    }

    /// The component's digest.
    pub fn component(&self) -> &BlobDigest {
        &self.fields.component
    }

    /// Feeds everything but the mounted trees.
    pub fn describe_static(&self, sink: &mut dyn KeySink) {
        let Fields {
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
        } = &self.fields;
        sink.field(&["engine"], &|out| ENGINE_SEMANTICS.encode(out), &|| {
            ENGINE_SEMANTICS.to_string()
        });
        sink.field(&["component"], &|out| component.encode(out), &|| component.to_string());
        sink.field(&["adapter"], &|out| adapter.encode(out), &|| {
            adapter.map_or("none".to_owned(), |digest| digest.to_string())
        });
        self.describe_invocation(invocation, sink);
        sink.field(&["program"], &|out| program.encode(out), &|| program.clone());
        sink.field(&["env"], &|out| (env.len() as u64).encode(out), &|| {
            format!("{} names", env.len())
        });
        for (name, value) in env {
            sink.field(&["env.", name], &|out| value.encode(out), &|| value.clone());
        }
        sink.field(&["cwd"], &|out| cwd.encode(out), &|| cwd.clone());
        sink.field(&["clock"], &|out| clock_base.encode(out), &|| clock_base.to_string());
        sink.field(&["fuel"], &|out| fuel.encode(out), &|| {
            fuel.map_or("none".to_owned(), |fuel| fuel.to_string())
        });
        sink.field(&["mounts"], &|out| (mounts.len() as u64).encode(out), &|| {
            mounts.len().to_string()
        });
        for mount in mounts {
            let shape = (mount.writable, matches!(mount.node, Node::File { .. }));
            sink.field(&["mounts.", &mount.at, ".shape"], &|out| shape.encode(out), &|| {
                format!(
                    "{}, {}",
                    if shape.0 { "writable" } else { "read-only" },
                    mount.node.kind().word()
                )
            });
        }
        sink.field(&["outputs"], &|out| (outputs.len() as u64).encode(out), &|| {
            outputs.len().to_string()
        });
        for output in outputs {
            sink.field(&["outputs.", &output.name], &|out| output.path.encode(out), &|| {
                output.path.clone()
            });
            if let Some(pin) = &output.pin {
                sink.field(&["outputs.", &output.name, ".pin"], &|out| pin.encode(out), &|| {
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
                sink.field(&["function"], &|out| function.encode(out), &|| function.to_string());
                sink.field(&["with"], &|out| (arguments.len() as u64).encode(out), &|| {
                    format!("{} arguments", arguments.len())
                });
                for (i, argument) in arguments.iter().enumerate() {
                    sink.field(&["with.", &i.to_string()], &|out| argument.encode(out), &|| {
                        argument.to_data().to_string()
                    });
                }
            }
            Invocation::Command(arguments, stdin) => {
                sink.field(&["args"], &|out| arguments.encode(out), &|| format!("{arguments:?}"));
                sink.field(&["stdin"], &|out| stdin.encode(out), &|| {
                    stdin.map_or("none".to_owned(), |blob| blob.to_string())
                });
            }
        }
    }

    /// Feeds the mounted trees.
    pub fn describe_mounts(&self, sink: &mut dyn KeySink) {
        for mount in &self.fields.mounts {
            sink.field(&["mounts.", &mount.at], &|out| mount.node.encode(out), &|| {
                mount.node.describe()
            });
        }
    }

    /// The static key: `derive_key("airtight action static key v1")` over [`Action::describe_static`], each field as
    /// its path and its bytes with their lengths.
    pub fn static_key(&self) -> StaticKey {
        self.keys().0
    }

    /// The full key: `derive_key("airtight action key v1")` over the static key's 32 bytes and then
    /// [`Action::describe_mounts`].
    pub fn full_key(&self) -> ActionKey {
        self.keys().1
    }

    fn keys(&self) -> &(StaticKey, ActionKey) {
        self.keys.get_or_init(|| {
            let mut sink = HashSink::new();
            self.describe_static(&mut sink);
            let static_key = StaticKey::from_bytes(sink.finish(STATIC_KEY.clone()));
            sink.all.clear();
            sink.all.raw(static_key.as_bytes());
            self.describe_mounts(&mut sink);
            (static_key, ActionKey::from_bytes(sink.finish(FULL_KEY.clone())))
        })
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
        sink.field(&["grants.http.", &i.to_string()], &|out| grant.encode(out), &|| {
            grant.to_string()
        });
    }
    for (i, grant) in net.iter().enumerate() {
        sink.field(&["grants.net.", &i.to_string()], &|out| grant.encode(out), &|| {
            grant.to_string()
        });
    }
    for grant in secrets {
        sink.field(&["grants.secrets.", &grant.name], &|out| grant.encode(out), &|| {
            grant.to_string()
        });
    }
    for (name, given) in [("clock", clock), ("random", random)] {
        sink.field(&["grants.", name], &|out| given.encode(out), &|| {
            if *given { "real" } else { "none" }.to_owned()
        });
    }
}

canonical_record!(Mount { at, node, writable });
canonical_record!(Fields {
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
impl Canonical for Action {
    fn encode(&self, out: &mut Encoder) {
        self.fields.encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Canonical::decode(from).map(Self::of)
    }
}

canonical_document!(Action, *b"ATac", 2);
