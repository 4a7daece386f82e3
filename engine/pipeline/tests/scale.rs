//! Plans as large as they may be: that they are right, and that what is to be done once is done once. Not here: how long they
//! take (`speed`).

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/catalog.rs"]
mod catalog;

use std::cell::Cell;
use std::fmt::Write;

use airtight_model::Plan;
use airtight_model::component::{Catalog, CatalogError, ResolvedComponent};
use airtight_model::plan::TreeRef;
use airtight_pipeline::{MAX_CELLS, MAX_STEPS, PlanRequest, check, parse, plan};

/// Counts what is asked of it.
struct Counting(Cell<usize>);

impl Catalog for Counting {
    fn resolve(&self, uses: &str, base: &str) -> Result<ResolvedComponent, CatalogError> {
        self.0.set(self.0.get() + 1);
        catalog::Invented.resolve(uses, base)
    }
}

/// The plan, or the messages of what is wrong, and how often a component was asked for.
fn planned(text: String) -> (Result<Plan, Vec<String>>, usize) {
    let messages = |found: Vec<airtight_model::Diagnostic>| found.into_iter().map(|one| one.message).collect();
    let catalog = Counting(Cell::new(0));
    let parsed = parse("airtight.yaml", text, &|_| Err(String::new()));
    let (checked, found) = check(&parsed, &catalog);
    let plan = match checked {
        Some(checked) => plan(&checked, &PlanRequest::default()).map_err(messages),
        None => Err(messages(found)),
    };
    (plan, catalog.0.get())
}

fn numbers(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|i| i.to_string()).collect();
    format!("[ {} ]", all.join(", "))
}

// As many steps as a plan may have, made of matrices that are as large as they may be; one step more is refused.
#[test]
fn a_plan_has_as_many_steps_as_it_may_and_no_more() {
    let mut text = "airtight: 1\nsteps:\n".to_owned();
    for i in 0..MAX_STEPS / MAX_CELLS {
        let numbers = numbers(MAX_CELLS);
        writeln!(
            text,
            "  s{i}: {{ uses: ./tools/clang.wasm, matrix: {{ n: {numbers} }} }}"
        )
        .unwrap();
    }
    let (plan, asked) = planned(text.clone());
    assert_eq!((plan.unwrap().steps.len(), asked), (MAX_STEPS, 1));
    text.push_str("  more: { uses: ./tools/clang.wasm }\n");
    assert_eq!(
        planned(text).0.unwrap_err(),
        [format!("a plan has at most {MAX_STEPS} steps")]
    );
}

// Each of ten thousand cells mounts the cell of another matrix that has its values, in whatever order it names the axes.
#[test]
fn cells_find_the_cells_that_they_name() {
    let (side, count) = (numbers(100), 100 * 100);
    let text = format!(
        "airtight: 1\nsteps:\n  a: {{ uses: ./tools/clang.wasm, outputs: {{ o: /out/o }}, matrix: {{ x: {side}, y: {side} }} }}\n  \
         b:\n    uses: ./tools/clang.wasm\n    mounts: {{ /a: \"a[y=${{matrix.y}},x=${{matrix.x}}].o\" }}\n    \
         matrix: {{ x: {side}, y: {side} }}\n"
    );
    let plan = planned(text).0.unwrap();
    assert_eq!(plan.steps.len(), 2 * count);
    for (i, step) in plan.steps[count..].iter().enumerate() {
        let TreeRef::Output(output) = &step.mounts[0].from else {
            panic!("{step:?}")
        };
        assert_eq!(output.step.index(), i, "{}", step.name);
    }
}

// Ten thousand entries that leave cells out, and as many that add some, find their cells.
#[test]
fn many_entries_leave_out_and_add_cells() {
    let mut text = format!(
        "airtight: 1\nsteps:\n  a:\n    uses: ./tools/clang.wasm\n    matrix:\n      n: {}\n",
        numbers(MAX_CELLS)
    );
    let entries = |out: &mut String, key: &str, entries: &mut dyn Iterator<Item = String>| {
        writeln!(out, "      {key}: [ {} ]", entries.collect::<Vec<_>>().join(", ")).unwrap();
    };
    entries(
        &mut text,
        "exclude",
        &mut (5..MAX_CELLS).map(|n| format!("{{ n: {n} }}")),
    );
    entries(
        &mut text,
        "include",
        &mut (0..8).map(|n| format!("{{ n: {}, m: {n} }}", if n < 5 { n } else { n + MAX_CELLS })),
    );
    let plan = planned(text).0.unwrap();
    let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
    let wanted = [
        "a[n=0]",
        "a[n=1]",
        "a[n=2]",
        "a[n=3]",
        "a[n=4]",
        "a[n=10005]",
        "a[n=10006]",
        "a[n=10007]",
    ];
    assert_eq!(names, wanted);
    assert!(plan.steps.iter().enumerate().all(|(i, step)| step.matrix["m"] == i));
}

// Two cells with one name would be one step twice.
#[test]
fn cells_of_one_name_are_refused() {
    let text =
        "airtight: 1\nsteps:\n  a: { uses: ./tools/clang.wasm, matrix: { n: [ 1 ], include: [ { n: \"1\" } ] } }\n";
    assert_eq!(
        planned(text.to_owned()).0.unwrap_err(),
        ["the matrix has this cell already"]
    );
}

// Thousands of steps that name steps which are not there are all told, each with the name that it meant.
#[test]
fn many_wrong_names_are_all_told() {
    let mut text =
        "airtight: 1\nsteps:\n  compile: { uses: ./tools/clang.wasm }\n  package: { uses: ./tools/clang.wasm }\n"
            .to_owned();
    for i in 0..5_000 {
        let wrong = if i % 2 == 0 { "compil" } else { "packages" };
        writeln!(text, "  s{i}: {{ uses: ./tools/clang.wasm, after: {wrong} }}").unwrap();
    }
    let parsed = parse("airtight.yaml", text, &|_| Err(String::new()));
    let found = check(&parsed, &catalog::Invented).1;
    assert_eq!(found.len(), 5_000);
    for (i, one) in found.iter().enumerate() {
        let meant = if i % 2 == 0 { "compile" } else { "package" };
        assert_eq!(one.help.as_deref(), Some(format!("did you mean `{meant}`?").as_str()));
    }
}
