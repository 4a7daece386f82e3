//! A catalog of invented components for the tests of this crate. Not here: any real component.

use std::sync::Arc;

use airtight_model::component::{
    Case, Catalog, CatalogError, ComponentKind, ComponentSummary, Field, FunctionRef, FunctionSignature, Parameter,
    ResolvedComponent, ResultType, WitType,
};
use airtight_model::{BlobDigest, Sha256Digest};

/// Knows a few standard components and files.
pub(crate) struct Invented;

fn list(item: WitType) -> WitType {
    WitType::List(Box::new(item))
}

fn option(item: WitType) -> WitType {
    WitType::Option(Box::new(item))
}

fn record(fields: &[(&str, WitType)]) -> WitType {
    WitType::Record(
        fields
            .iter()
            .map(|(name, ty)| Field {
                name: (*name).to_owned(),
                ty: ty.clone(),
            })
            .collect(),
    )
}

fn fallible(ok: Option<WitType>) -> Option<WitType> {
    Some(WitType::Result(Box::new(ResultType {
        ok,
        err: Some(WitType::String),
    })))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn function(
    interface: Option<&str>,
    name: &str,
    parameters: &[(&str, WitType)],
    result: Option<WitType>,
) -> FunctionSignature {
    let parameters = parameters.iter().map(|(name, ty)| Parameter {
        name: (*name).to_owned(),
        ty: ty.clone(),
    });
    FunctionSignature {
        function: FunctionRef {
            interface: interface.map(str::to_owned),
            name: name.to_owned(),
        },
        parameters: parameters.collect(),
        result,
        docs: None,
    }
}

fn summary(command: bool, functions: Vec<FunctionSignature>) -> ComponentSummary {
    ComponentSummary {
        kind: ComponentKind::Component,
        adapter: None,
        size: 1000,
        command,
        functions,
        imports: Vec::new(),
        unknown_imports: Vec::new(),
        producers: Vec::new(),
        about: airtight_model::About::default(),
    }
}

/// A function with a parameter of every kind of type.
fn every_type() -> FunctionSignature {
    let shape = WitType::Variant(vec![
        Case {
            name: "point".into(),
            ty: None,
        },
        Case {
            name: "circle".into(),
            ty: Some(WitType::F64),
        },
    ]);
    let outcome = WitType::Result(Box::new(ResultType {
        ok: Some(WitType::Unsigned(8)),
        err: Some(WitType::String),
    }));
    function(
        None,
        "run",
        &[
            ("flag", option(WitType::Bool)),
            ("small", option(WitType::Unsigned(8))),
            ("signed", option(WitType::Signed(16))),
            ("big", option(WitType::Unsigned(64))),
            ("ratio", option(WitType::F64)),
            ("letter", option(WitType::Char)),
            ("text", option(WitType::String)),
            ("texts", option(list(WitType::String))),
            (
                "pair",
                option(WitType::Tuple(vec![WitType::String, WitType::Unsigned(32)])),
            ),
            ("level", option(WitType::Enum(names(&["low", "high"])))),
            ("flags", option(WitType::Flags(names(&["read", "write"])))),
            ("shape", option(shape)),
            ("outcome", option(outcome)),
            (
                "options",
                option(record(&[
                    ("name", WitType::String),
                    ("depth", option(WitType::Unsigned(32))),
                ])),
            ),
        ],
        fallible(Some(record(&[
            ("count", WitType::Unsigned(32)),
            ("file-names", list(WitType::String)),
        ]))),
    )
}

fn known(uses: &str) -> Option<ComponentSummary> {
    let finding = record(&[("rule", WitType::String), ("line", option(WitType::Unsigned(32)))]);
    Some(match uses {
        "std/secret-scan" => {
            let parameters = [
                ("paths", list(WitType::String)),
                ("severity", option(WitType::Enum(names(&["low", "high"])))),
            ];
            let ok = record(&[("count", WitType::Unsigned(32)), ("findings", list(finding))]);
            summary(false, vec![function(None, "run", &parameters, fallible(Some(ok)))])
        }
        "std/oci-image" => {
            let parameters = [
                ("root", WitType::String),
                ("entrypoint", list(WitType::String)),
                ("tag", option(WitType::String)),
            ];
            summary(false, vec![function(None, "run", &parameters, fallible(None))])
        }
        "std/archive" => {
            let format = WitType::Enum(names(&["tar", "tar-gz", "zip"]));
            let pack = [("format", format.clone()), ("level", option(WitType::Unsigned(8)))];
            let unpack = [("format", format)];
            summary(
                false,
                vec![
                    function(None, "pack", &pack, fallible(None)),
                    function(None, "unpack", &unpack, fallible(None)),
                ],
            )
        }
        "std/types" => summary(false, vec![every_type()]),
        "std/fetch" => summary(
            false,
            vec![function(None, "run", &[("url", WitType::String)], fallible(None))],
        ),
        "./tools/clang.wasm" | "../tools/clang.wasm" | "./tools/cc.wasm" | "./clang.wasm" => summary(true, Vec::new()),
        "./tools/both.wasm" => summary(true, vec![function(None, "run", &[], Some(WitType::String))]),
        "./tools/two.wasm" => summary(
            false,
            vec![
                function(Some("a:b/c@1.0.0"), "run", &[], None),
                function(Some("a:b/d@1.0.0"), "run", &[], None),
            ],
        ),
        "./tools/nothing.wasm" => summary(false, Vec::new()),
        "./tools/gpu.wasm" => ComponentSummary {
            unknown_imports: names(&["wasi:webgpu/graphics@0.1.0"]),
            ..summary(true, Vec::new())
        },
        "./tools/newer.wasm" => ComponentSummary {
            unknown_imports: names(&["airtight:step/log@0.2.0"]),
            ..summary(true, Vec::new())
        },
        _ => return None,
    })
}

impl Catalog for Invented {
    fn resolve(&self, uses: &str, base: &str) -> Result<ResolvedComponent, CatalogError> {
        if uses == "./tools/broken.wasm" {
            let message = format!("`{uses}` is not WebAssembly: it begins with `7f454c46`");
            return Err(CatalogError::Unusable { message, help: None });
        }
        match uses {
            "oci://registry.example.com/tools/deploy:2.0.0" => {
                return Err(CatalogError::Elsewhere {
                    message: format!("`{uses}` is not in the lock, which pins what it is"),
                    help: "pin it: `airtight lock`".to_owned(),
                });
            }
            "oci://registry.example.com/tools/command:1.0.0" => {
                return Ok(ResolvedComponent {
                    digest: BlobDigest::of(uses.as_bytes()),
                    summary: Arc::new(summary(true, Vec::new())),
                    manifest: Some(Sha256Digest::from_bytes([7; 32])),
                });
            }
            _ => {}
        }
        match known(uses) {
            Some(summary) => Ok(ResolvedComponent {
                digest: BlobDigest::of(uses.as_bytes()),
                summary: Arc::new(summary),
                manifest: None,
            }),
            None => {
                let nearest = if uses == "std/secret-scn" {
                    vec!["std/secret-scan".to_owned()]
                } else {
                    Vec::new()
                };
                let place = if uses.starts_with("std/") {
                    String::new()
                } else {
                    format!(" in `{base}`")
                };
                Err(CatalogError::NotFound {
                    message: format!("there is no component `{uses}`{place}"),
                    nearest,
                })
            }
        }
    }
}
