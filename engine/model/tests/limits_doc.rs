//! The page about limits says what the code does: every field is there once, with its default. Not here: what striking one
//! does (the sandbox's tests).
#![allow(clippy::unwrap_used)]

use airtight_model::Limits;
use airtight_model::step::NetLimits;

const PAGE: &str = include_str!("../../../docs/limits.md");

fn size(bytes: u64) -> String {
    [("GiB", 30), ("MiB", 20), ("KiB", 10)]
        .iter()
        .find(|(_, shift)| bytes.trailing_zeros() >= *shift)
        .map_or(bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

fn time(ms: u64) -> String {
    assert_eq!(ms % 60_000, 0);
    format!("{}m", ms / 60_000)
}

/// Field and default, as the page has to say them. Destructured, so that a new field does not compile without its row.
fn expected() -> Vec<(&'static str, String)> {
    let Limits {
        memory,
        time_ms,
        output,
        files,
        log,
        handles,
        fuel,
        tables,
        stack,
        name,
        call,
        random,
        component,
        compile_ms,
        net,
    } = Limits::DEFAULT;
    let NetLimits {
        requests,
        connections,
        lookups,
        headers,
        body,
        total,
        time_ms: net_ms,
    } = net;
    vec![
        ("memory", size(memory)),
        ("time", time(time_ms.unwrap())),
        ("output", size(output)),
        ("files", files.to_string()),
        ("log", size(log)),
        ("handles", handles.to_string()),
        ("fuel", fuel.map_or("none".to_owned(), |fuel| fuel.to_string())),
        ("tables", tables.to_string()),
        ("stack", size(stack)),
        ("name", name.to_string()),
        ("call", size(call)),
        ("random", size(random)),
        ("component", size(component)),
        ("compile", time(compile_ms)),
        ("net.requests", requests.to_string()),
        ("net.connections", connections.to_string()),
        ("net.lookups", lookups.to_string()),
        ("net.headers", size(headers)),
        ("net.body", size(body)),
        ("net.total", size(total)),
        ("net.time", time(net_ms)),
    ]
}

// Who reads the page sets limits by it.
#[test]
fn every_limit_is_in_the_page_with_its_default() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let found: Vec<(String, String)> = rows
        .map(|row| {
            let mut cells = row.trim_matches('|').split(" | ");
            (cell(cells.next().unwrap()), cell(cells.next().unwrap()))
        })
        .collect();
    let expected: Vec<(String, String)> = expected()
        .into_iter()
        .map(|(field, default)| (field.to_owned(), default))
        .collect();
    assert_eq!(found, expected);
}
