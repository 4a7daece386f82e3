//! Writes results into the documentation: into the part of its page that stands between two marks. Rows of cases that were not
//! measured this time stay, with their own date. The page's prose is written by people and is left alone.

use std::path::Path;

use crate::Result;

use super::cases::CASES;
use super::table::Report;

/// The page, from the repository's root.
const PAGE: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- bench: begin (written by `cargo xtask bench --save`) -->\n";
const END: &str = "<!-- bench: end -->\n";

/// The head of the table.
const HEAD: &str = "\
| case | work | airtight | peak memory | peer | peer's | ratio | bar | measured |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

/// Puts a report into the page.
pub(super) fn save(root: &Path, report: &Report) -> Result<()> {
    let file = root.join(PAGE);
    let page = std::fs::read_to_string(&file)?;
    let rows = report
        .cases
        .iter()
        .map(|case| (case.name, case.markdown(&report.machine.date)));
    let new = renewed(&page, &report.conditions(), &rows.collect::<Vec<_>>())
        .ok_or_else(|| format!("`{PAGE}` has lost its marks: `{}` and `{}`", BEGIN.trim(), END.trim()))?;
    Ok(std::fs::write(file, new)?)
}

/// The page with new rows for the cases in `rows`, in the order of the cases.
fn renewed(page: &str, conditions: &str, rows: &[(&str, Vec<String>)]) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (old, after) = rest.split_once(END)?;
    let mut table = String::from(HEAD);
    for case in CASES {
        let kept = || {
            let begin = format!("| `{}` |", case.name);
            old.lines()
                .filter(move |line| line.starts_with(&begin))
                .map(str::to_owned)
        };
        let measured = rows.iter().find(|(name, _)| *name == case.name);
        for row in measured.map_or_else(|| kept().collect(), |(_, rows)| rows.clone()) {
            table += &row;
            table.push('\n');
        }
    }
    Some(format!("{before}{BEGIN}\n{conditions}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // A bench of one case must neither lose the others' results nor touch the prose.
    #[test]
    fn only_the_rows_of_what_was_measured_are_renewed() {
        let (first, second) = (CASES[0].name, CASES[1].name);
        let old = format!("| `{first}` | old first |\n| `{second}` | old second |\n| `gone` | no such case |\n");
        let page = format!("# Prose\n{BEGIN}{old}{END}more prose\n");
        let rows = [(first, vec![format!("| `{first}` | new first |")])];
        let new = renewed(&page, "Today.\n", &rows).unwrap();
        let table = format!("{HEAD}| `{first}` | new first |\n| `{second}` | old second |\n");
        assert_eq!(new, format!("# Prose\n{BEGIN}\nToday.\n\n{table}\n{END}more prose\n"));
        assert_eq!(renewed(&new, "Today.\n", &rows).as_deref(), Some(new.as_str()));
        assert!(renewed("# Prose\n", "Today.\n", &rows).is_none());
    }
}
