//! How a licence text becomes CycloneDX: as an SPDX identifier, an SPDX expression, or a mere name. The schema takes
//! only identifiers that it lists; so the common ones are listed here, and any other text is a name, always valid.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// SPDX identifiers in common use, sorted.
const IDENTIFIERS: [&str; 66] = [
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "AGPL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSD-4-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.1",
    "EUPL-1.2",
    "GPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "ISC",
    "JSON",
    "LGPL-2.0-only",
    "LGPL-2.1",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "NCSA",
    "OFL-1.1",
    "OpenSSL",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "Ruby",
    "UPL-1.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "W3C",
    "WTFPL",
    "ZPL-2.1",
    "Zlib",
];

/// The `licenses` array of a component: at most one expression, or any number of identifiers and names.
pub(crate) fn to_json(licences: &BTreeSet<String>) -> Value {
    let mut texts = licences.iter();
    if let (Some(only), None) = (texts.next(), texts.next())
        && is_expression(only)
    {
        return json!([{ "expression": only }]);
    }
    let one = |text: &String| {
        let key = if is_identifier(text) { "id" } else { "name" };
        json!({ "license": { key: text } })
    };
    licences.iter().map(one).collect()
}

fn is_identifier(text: &str) -> bool {
    IDENTIFIERS.contains(&text)
}

/// Whether the text is identifiers joined by `AND` and `OR`, perhaps in parentheses.
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut depth = 0_i32;
    let mut wants_identifier = true;
    let mut operators = 0;
    for word in spaced.split_whitespace() {
        match word {
            "(" if wants_identifier => depth += 1,
            ")" if !wants_identifier && depth > 0 => depth -= 1,
            "AND" | "OR" if !wants_identifier => {
                operators += 1;
                wants_identifier = true;
            }
            name if wants_identifier && is_identifier(name) => wants_identifier = false,
            _ => return false,
        }
    }
    depth == 0 && !wants_identifier && operators > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> String {
        to_json(&texts.iter().map(|text| (*text).to_owned()).collect()).to_string()
    }

    #[test]
    fn a_licence_is_an_identifier_an_expression_or_a_name() {
        // What stands in lock files, the odd ones as names.
        assert_eq!(of(&["MIT"]), r#"[{"license":{"id":"MIT"}}]"#);
        assert_eq!(of(&["(MIT OR CC0-1.0)"]), r#"[{"expression":"(MIT OR CC0-1.0)"}]"#);
        assert_eq!(of(&["MIT OR"]), r#"[{"license":{"name":"MIT OR"}}]"#);
        assert_eq!(
            of(&["SEE LICENSE IN x"]),
            r#"[{"license":{"name":"SEE LICENSE IN x"}}]"#
        );
        assert_eq!(
            of(&["ISC", "MIT AND ISC"]),
            r#"[{"license":{"id":"ISC"}},{"license":{"name":"MIT AND ISC"}}]"#
        );
    }
}
