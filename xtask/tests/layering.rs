//! Imports run one way only: asks cargo for the graph of crates and checks it against the one rule table below, which is
//! the code's form of the layout in ARCHITECTURE.md. What a crate does with the standard library is `cargo xtask tidy`'s.
#![allow(clippy::unwrap_used)]

#[path = "support/metadata.rs"]
mod metadata;

use std::collections::{BTreeMap, BTreeSet};

/// The engine's crates, each with those that it may import.
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("airtight-model", &[]),
    ("airtight-pipeline", &["airtight-model"]),
    ("airtight-store", &["airtight-model"]),
    ("airtight-egress", &["airtight-model"]),
    ("airtight-registry", &["airtight-model"]),
    (
        "airtight-sandbox",
        &["airtight-egress", "airtight-store", "airtight-model"],
    ),
    ("airtight-exec", &["airtight-store", "airtight-model"]),
    ("airtight-authoring", &["airtight-pipeline", "airtight-model"]),
    (
        "airtight-cli",
        &[
            "airtight-authoring",
            "airtight-exec",
            "airtight-egress",
            "airtight-registry",
            "airtight-sandbox",
            "airtight-pipeline",
            "airtight-store",
            "airtight-model",
            "xtask",
        ],
    ),
];

/// Crates of the workspace that are not the engine: no part of it may be built on them (but for the build script of the
/// command line, above).
const AROUND: [&str; 2] = ["airtight-testkit", "xtask"];

/// Crates that do input and output or are asynchronous, by the beginnings of their names.
const WORLDLY: [&str; 16] = [
    "async-", "cap-", "futures", "hyper", "ignore", "mio", "notify", "reqwest", "rusqlite", "rustix", "rustls", "smol",
    "socket2", "tempfile", "tokio", "walkdir",
];

/// A graph of crates: what each imports. Dependencies of tests are not in it.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Returns what in the graph runs the wrong way.
fn complaints(graph: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    let ours = |name: &String| MAY_IMPORT.iter().any(|(own, _)| own == name) || AROUND.contains(&name.as_str());
    for (name, allowed) in MAY_IMPORT {
        let Some(imports) = graph.get(name) else {
            complaints.push(format!("{name} is not in the workspace"));
            continue;
        };
        for import in imports
            .iter()
            .filter(|import| ours(import) && !allowed.contains(&import.as_str()))
        {
            complaints.push(format!("{name} imports {import}"));
        }
        let is_wasmtime = |import: &&String| import.starts_with("wasmtime");
        if name != "airtight-sandbox" {
            complaints.extend(
                imports
                    .iter()
                    .filter(is_wasmtime)
                    .map(|import| format!("{name} imports {import}")),
            );
        }
        let behind = closure(graph, name);
        if !["airtight-sandbox", "airtight-cli"].contains(&name) {
            complaints.extend(
                behind
                    .iter()
                    .filter(is_wasmtime)
                    .map(|import| format!("{name} reaches {import}")),
            );
        }
        if ["airtight-model", "airtight-pipeline"].contains(&name) {
            let worldly = behind
                .iter()
                .filter(|import| WORLDLY.iter().any(|start| import.starts_with(start)));
            complaints.extend(worldly.map(|import| format!("{name} reaches {import}")));
        }
    }
    complaints
}

/// Returns all that a crate is built on, directly or not.
fn closure(graph: &Graph, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(next) = waiting.pop() {
        for import in graph.get(&next).into_iter().flatten() {
            if found.insert(import.clone()) {
                waiting.push(import.clone());
            }
        }
    }
    found
}

/// Reads the graph out of `cargo metadata`: normal and build dependencies. Versions of one crate are one node, which can only find
/// more.
fn graph_of(metadata: &serde_json::Value) -> Graph {
    let mut names = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        names.insert(package["id"].as_str().unwrap(), package["name"].as_str().unwrap());
    }
    let mut graph = Graph::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let imports = graph.entry(names[node["id"].as_str().unwrap()].to_owned()).or_default();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                imports.insert(names[dependency["pkg"].as_str().unwrap()].to_owned());
            }
        }
    }
    graph
}

#[test]
fn imports_run_one_way() {
    // The layout's promise: nothing that only computes can touch the world, and wasmtime is behind one crate.
    let graph = graph_of(&metadata::read());
    let complaints = complaints(&graph);
    assert!(
        complaints.is_empty(),
        "imports that run the wrong way:\n{}",
        complaints.join("\n")
    );
    assert!(
        graph["airtight-sandbox"].contains("wasmtime"),
        "the test looks for a crate that nobody imports any more"
    );
}

/// A graph that keeps all rules.
fn good() -> Graph {
    let mut graph: Graph = MAY_IMPORT
        .iter()
        .map(|(name, imports)| {
            (
                (*name).to_owned(),
                imports.iter().map(|import| (*import).to_owned()).collect(),
            )
        })
        .collect();
    graph.get_mut("airtight-sandbox").unwrap().insert("wasmtime".to_owned());
    graph
}

#[test]
fn the_layout_as_drawn_has_nothing_to_complain_about() {
    assert_eq!(complaints(&good()), Vec::<String>::new());
}

#[test]
fn every_import_that_runs_the_wrong_way_is_named() {
    // Each pair is one mistake that somebody will make one day.
    for (from, to) in [
        ("airtight-model", "airtight-store"),
        ("airtight-store", "airtight-exec"),
        ("airtight-exec", "airtight-sandbox"),
        ("airtight-exec", "airtight-pipeline"),
        ("airtight-sandbox", "airtight-pipeline"),
        ("airtight-pipeline", "airtight-store"),
        ("airtight-cli", "wasmtime"),
        ("airtight-store", "wasmtime-environ"),
        ("airtight-model", "tokio"),
        ("airtight-exec", "airtight-testkit"),
        ("airtight-store", "xtask"),
    ] {
        let mut graph = good();
        graph.get_mut(from).unwrap().insert(to.to_owned());
        let complaints = complaints(&graph);
        assert!(
            complaints
                .iter()
                .any(|text| text.starts_with(from) && text.ends_with(to)),
            "{from} → {to}: {complaints:?}"
        );
    }
}

#[test]
fn input_and_output_behind_another_crate_is_found_too() {
    // A harmless crate that brings a runtime along.
    let mut graph = good();
    graph.get_mut("airtight-model").unwrap().insert("harmless".to_owned());
    graph.insert("harmless".to_owned(), BTreeSet::from(["tokio".to_owned()]));
    assert!(complaints(&graph).contains(&"airtight-model reaches tokio".to_owned()));
}

#[test]
fn a_crate_that_is_gone_is_a_complaint_and_not_a_pass() {
    let mut graph = good();
    graph.remove("airtight-pipeline");
    assert!(complaints(&graph).contains(&"airtight-pipeline is not in the workspace".to_owned()));
}
