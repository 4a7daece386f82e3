//! Where a place of a generated module was in the sources: source maps of version 3, as much of them as that takes. Not here: names, and maps
//! that are made of others.

/// The largest number that a map may hold.
const MOST: i64 = 1 << 31;

/// The source file, as the map names it, and the line in it, from 1, that `line` and `column`, from 1, of the module came from.
pub(super) fn find(map: &str, line: usize, column: usize) -> Option<(String, usize)> {
    let map: serde_json::Value = serde_json::from_str(map).ok()?;
    let (line, column) = (line.checked_sub(1)?, i64::try_from(column).ok()?);
    // What a segment says is added to what the one before it said; columns begin anew with each line.
    let (mut source, mut source_line) = (0, 0);
    let mut found = None;
    for (number, segments) in map.get("mappings")?.as_str()?.split(';').enumerate().take(line + 1) {
        let mut generated = 0;
        for segment in segments.split(',').filter(|segment| !segment.is_empty()) {
            let values = values(segment)?;
            generated += values.first()?;
            if let [_, file, of_line, ..] = values.as_slice() {
                source += file;
                source_line += of_line;
                if number == line && (found.is_none() || generated < column) {
                    found = Some((source, source_line));
                }
            }
            if [source, source_line, generated].iter().any(|value| value.abs() > MOST) {
                return None;
            }
        }
    }
    let (source, source_line) = found?;
    let file = map.get("sources")?.get(usize::try_from(source).ok()?)?.as_str()?;
    Some((file.to_owned(), usize::try_from(source_line).ok()? + 1))
}

/// The numbers of a segment: base 64, five bits a digit, the lowest first, the sign in the lowest bit.
fn values(segment: &str) -> Option<Vec<i64>> {
    let mut values = Vec::new();
    let (mut value, mut shift) = (0_i64, 0_u32);
    for digit in segment.bytes() {
        let digit = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if shift > 30 {
            return None;
        }
        value |= i64::from(digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            values.push(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            (value, shift) = (0, 0);
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str =
        r#"{"version":3,"sources":["../a.js","../b.ts"],"mappings":";AAAA,SAASA;ACCT;;ADDA","names":["f"]}"#;

    /// The sums go on from line to line, and over what has no place.
    #[test]
    fn a_place_is_found_in_its_source() {
        assert_eq!(find(MAP, 1, 1), None);
        assert_eq!(find(MAP, 2, 1), Some(("../a.js".to_owned(), 1)));
        assert_eq!(find(MAP, 3, 9), Some(("../b.ts".to_owned(), 2)));
        assert_eq!(find(MAP, 4, 1), None);
        assert_eq!(find(MAP, 5, 1), Some(("../a.js".to_owned(), 1)));
        assert_eq!(find(MAP, 9, 1), None);
    }

    /// A map is a file that a program wrote.
    #[test]
    fn what_is_no_map_finds_nothing() {
        for map in [
            "",
            "{}",
            "[]",
            r#"{"mappings":"!"}"#,
            r#"{"mappings":"gggggggggggggggggggggA"}"#,
            r#"{"sources":[],"mappings":"AAAA"}"#,
        ] {
            assert_eq!(find(map, 1, 1), None, "{map}");
        }
    }
}
