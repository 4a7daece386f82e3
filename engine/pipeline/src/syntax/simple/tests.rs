//! The fast reader beside the crate: whatever it reads, it reads as the crate does, spans and all.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use proptest::prelude::*;

use super::super::{Build, parse_any};
use super::read;

/// What the fast reader makes of a text, with what it reports; none where it leaves the text to the crate.
fn simple(text: &str) -> Option<String> {
    let mut found = Vec::new();
    let mut build = Build::new(text, 7, &mut found);
    read(text, &mut build)?;
    let root = build.root.take();
    Some(format!("{root:#?} {found:?}"))
}

fn by_the_crate(text: &str) -> String {
    let mut found = Vec::new();
    let root = parse_any(text, 7, &mut found);
    format!("{root:#?} {found:?}")
}

/// Scalars: ordinary ones, and those that look like something else.
const SCALARS: &[&str] = &[
    "a",
    "steps",
    "s1",
    "./tools/x.wasm",
    "-O2",
    "--level=3",
    "/src/**",
    "/out/a b.txt",
    "\"copy /src/1 /out/1\"",
    "'it is'",
    "\"\"",
    "''",
    "1",
    "1.10",
    "-3",
    "0x1f",
    "1e3",
    "true",
    "null",
    "~",
    "yes",
    "$x",
    "${a}",
    "\"${a.b} - {c}\"",
    "a: b",
    "a:b",
    "http://x/y?z=1#f",
    "a #b",
    "a# b",
    "a, b",
    "a ]",
    "{x}",
    "[x]",
    "a'b",
    "a\"b",
    "- a",
    "-",
    "--",
    "---",
    "...",
    "? a",
    "?a",
    ":a",
    "a:",
    "|",
    ">",
    "&a x",
    "*a",
    "!x y",
    "%a",
    "@a",
    "`a",
    "<<",
    "=",
    "é",
    "ü: é",
    "a\u{a0}b",
    "\"é\"",
    "a\\n",
    "\"a\\n\"",
    "'a''b'",
    "(a)",
    "+1",
    ".5",
    "_",
    "12:30",
    "2026-01-01",
    "a - b",
    "a ? b",
    "a | b",
    "a & b",
    "",
];

#[derive(Debug, Clone)]
enum Value {
    Scalar(usize),
    List(Vec<Value>, bool),
    Map(Vec<(usize, Value)>, bool),
}

fn value() -> impl Strategy<Value = Value> {
    // The first ones are the ordinary ones: most texts are to be simple.
    let at = || prop_oneof![6 => 0usize..12, 1 => 0..SCALARS.len()];
    let leaf = at().prop_map(Value::Scalar);
    leaf.prop_recursive(4, 24, 5, move |inner| {
        let list = (proptest::collection::vec(inner.clone(), 0..4), any::<bool>());
        let map = (
            proptest::collection::vec((at(), inner), 0..5),
            proptest::bool::weighted(0.4),
        );
        prop_oneof![
            1 => list.prop_map(|(items, flow)| Value::List(items, flow)),
            2 => map.prop_map(|(entries, flow)| Value::Map(entries, flow)),
        ]
    })
}

fn flow(value: &Value) -> String {
    match value {
        Value::Scalar(at) => SCALARS[*at].to_owned(),
        Value::List(items, _) => format!("[ {} ]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries, _) => {
            let entry = |(key, value): &(usize, Value)| format!("{}: {}", SCALARS[*key], flow(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Map(entries, false) if !entries.is_empty() => {
            for (key, value) in entries {
                out.push_str(&format!("{pad}{}:", SCALARS[*key]));
                match value {
                    Value::Map(inner, false) if !inner.is_empty() => out.push_str(" # a comment: [1]\n\n"),
                    Value::List(inner, false) if !inner.is_empty() => out.push('\n'),
                    other => {
                        out.push_str(&format!(" {}\n", flow(other)));
                        continue;
                    }
                }
                block(value, indent + 2, out);
            }
        }
        Value::List(items, false) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{pad}- {}\n", flow(item)));
            }
        }
        other => out.push_str(&format!("{pad}{}\n", flow(other))),
    }
}

fn document() -> impl Strategy<Value = String> {
    let top = proptest::collection::vec((0usize..12, value()), 1..5).prop_map(|entries| Value::Map(entries, false));
    let marks = " \n:#-,[]{}'\"&*!|>?%@`a1.$~\t\r\\é";
    let mark = proptest::sample::select(marks.chars().collect::<Vec<char>>());
    let change = (any::<prop::sample::Index>(), mark, 0u8..3);
    (top, proptest::collection::vec(change, 0..3)).prop_map(|(top, changes)| {
        let mut text = String::new();
        block(&top, 0, &mut text);
        let mut chars: Vec<char> = text.chars().collect();
        for (at, mark, how) in changes {
            let at = at.index(chars.len().max(1));
            match how {
                0 => chars.insert(at, mark),
                1 if at < chars.len() => chars[at] = mark,
                _ if at < chars.len() => drop(chars.remove(at)),
                _ => {}
            }
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    // The law of the fast reader: it reads what the crate reads, as the crate reads it, or it does not read it.
    #[test]
    fn what_is_read_fast_is_read_as_the_crate_reads_it(text in document()) {
        if let Some(read) = simple(&text) {
            prop_assert_eq!(read, by_the_crate(&text), "{}", text);
        }
    }
}

// What large pipelines are written in is read fast; without this the law above could hold of nothing.
#[test]
fn ordinary_pipelines_are_simple() {
    let text = "# a comment\nairtight: 1\n\nsources:\n  files: { path: in, exclude: [ \"a/**\", 'b' ] } # more\nsteps:\n  \
                s1:\n    uses: ./command.wasm\n    mounts: { /src: files, \"/b\": s0.out }\n    args: [ \"copy /src/1 /out/1\", -O2, [] ]\n    \
                after:\n      - s0\n      - \"s[a=1]\"\n    outputs:\n      # inside\n      file: /out/1.txt\n      other: { path: /out/2 }\n    \
                if: inputs.a == 'b'\n\n  s2:\n    uses: std/x\n";
    assert_eq!(simple(text).unwrap(), by_the_crate(text));
}

// What has a meaning that the fast reader does not know is left alone, wherever it stands.
#[test]
fn what_is_not_simple_is_left_to_the_crate() {
    for value in [
        "&a x",
        "*a",
        "!t x",
        "|\n  x",
        ">\n  x",
        "",
        "x\n  y",
        "[ a,\n  b ]",
        "\"a\\n\"",
        "'a''b'",
        "x: y",
        "[ a: b ]",
        "{ a }",
        "[ a, ]",
        "x\ty",
        "? x",
        "\n- x",
        "\n  - a: b\n  - c",
        "x\u{2028}y",
        "x\u{85}y",
    ] {
        let text = format!("a: {value}\n");
        assert_eq!(simple(&text), None, "{text}");
    }
    for text in [
        "",
        "a: b",
        "\u{feff}a: b\n",
        "---\na: b\n",
        "%YAML 1.2\n---\na: b\n",
        "- a\n",
        "a\n",
        " a: b\nc: d\n",
        "a: b\n...\n",
    ] {
        assert_eq!(simple(text), None, "{text}");
    }
}
