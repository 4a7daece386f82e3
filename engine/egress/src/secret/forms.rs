//! The forms in which the bytes of a secret may appear in a text. Not here: looking for them (`matcher`).
//!
//! Values of fewer than [`SHORT`] bytes have their plain form alone: the others of a value that short would be found in
//! texts that have nothing to do with it. What a server does to a value beside these forms is not undone.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

/// Below this many bytes a value is looked for as it is, and in no other form.
pub(super) const SHORT: usize = 8;

/// Everything but the unreserved characters of RFC 3986.
pub(super) const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Everything but what ECMAScript's `encodeURIComponent` leaves.
const SCRIPT: &AsciiSet = &COMPONENT
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');
/// Everything but what `application/x-www-form-urlencoded` leaves; the space is a `+` there.
const FORM: &AsciiSet = &COMPONENT.add(b'~').remove(b'*');

type Form = Zeroizing<Vec<u8>>;

/// All forms of a value, ascending, each once. None of an empty one.
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let mut all = Vec::new();
    if value.is_empty() {
        return all;
    }
    all.push(Zeroizing::new(value.to_vec()));
    if value.len() >= SHORT {
        encodings(value, &mut all);
        for line in lines(value) {
            all.push(Zeroizing::new(line.to_vec()));
            encodings(line, &mut all);
        }
    }
    all.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
    all.dedup();
    all
}

/// The lines of a value of several that are worth looking for on their own: the marks around a key in PEM are in every
/// such file.
fn lines(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let several = value.contains(&b'\n');
    value
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(move |line| several && line.len() >= SHORT && !line.starts_with(b"-----"))
}

fn encodings(value: &[u8], all: &mut Vec<Form>) {
    let text = |form: String| Zeroizing::new(form.into_bytes());
    base64_forms(value, all);
    let hex = |upper: bool| {
        let digits: &[u8; 16] = if upper {
            b"0123456789ABCDEF"
        } else {
            b"0123456789abcdef"
        };
        let nibbles = value.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Zeroizing::new(nibbles.map(|nibble| digits[usize::from(nibble)]).collect::<Vec<u8>>())
    };
    for upper in [false, true] {
        let digits = hex(upper);
        let every = digits.chunks(2).flat_map(|pair| [b"%", pair].concat());
        all.push(Zeroizing::new(every.collect()));
        all.push(digits);
    }
    for set in [COMPONENT, SCRIPT, FORM] {
        let upper = Zeroizing::new(percent_encode(value, set).to_string());
        let upper = if set == FORM {
            text(upper.replace("%20", "+"))
        } else {
            Zeroizing::new(upper.as_bytes().to_vec())
        };
        all.push(lower_hex(&upper));
        all.push(upper);
    }
    if let Ok(value) = std::str::from_utf8(value) {
        json_forms(value, all);
    }
}

/// Percent-encoded text with its digits in lower case.
fn lower_hex(upper: &[u8]) -> Form {
    let mut digits = 0;
    let lower = |byte: &u8| {
        if *byte == b'%' {
            digits = 2;
            return *byte;
        }
        if digits == 0 {
            return *byte;
        }
        digits -= 1;
        byte.to_ascii_lowercase()
    };
    Zeroizing::new(upper.iter().map(lower).collect())
}

/// Base64 in both alphabets, wherever in a longer text of bytes the value begins: its first byte may be the first, the
/// second or the third of a group. What stands before and after it shares a digit with it: those digits hold at most four
/// bits of it and are left, except where the value ends the text.
fn base64_forms(value: &[u8], all: &mut Vec<Form>) {
    for before in 0..3_usize {
        let mut bytes = Zeroizing::new(vec![0_u8; before]);
        bytes.extend_from_slice(value);
        let first = [0, 2, 3][before];
        let whole = bytes.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(&*bytes).into_bytes());
            all.push(Zeroizing::new(encoded[first..whole].to_vec()));
            let mut last = Zeroizing::new(encoded[first..].to_vec());
            all.push(last.clone());
            last.extend(std::iter::repeat_n(b'=', (3 - bytes.len() % 3) % 3));
            all.push(last);
        }
    }
}

/// The value inside a JSON string, as writers of JSON have it: plain, with `\/`, safe for HTML, in ASCII alone.
fn json_forms(value: &str, all: &mut Vec<Form>) {
    let plain = json_text(value);
    let mut push = |form: String| all.push(Zeroizing::new(form.into_bytes()));
    push(plain.replace('/', "\\/"));
    for upper in [false, true] {
        let unit = |unit: u16| {
            if upper {
                format!("\\u{unit:04X}")
            } else {
                format!("\\u{unit:04x}")
            }
        };
        let escaped = |which: &dyn Fn(char) -> bool| {
            let mut out = String::with_capacity(plain.len() * 2);
            for c in plain.chars() {
                if which(c) {
                    let mut units = [0; 2];
                    c.encode_utf16(&mut units)
                        .iter()
                        .for_each(|each| out.push_str(&unit(*each)));
                } else {
                    out.push(c);
                }
            }
            out
        };
        push(escaped(&|c| !c.is_ascii()));
        push(escaped(&|c| matches!(c, '<' | '>' | '&')));
        push(escaped(&|c| matches!(c, '<' | '>' | '&' | '\'')));
        push(escaped(&|c| !c.is_ascii() || matches!(c, '<' | '>' | '&' | '\'')));
        push(escaped(&|c| !c.is_ascii()).replace('/', "\\/"));
    }
    push(plain.to_string());
}

/// A text as it stands between the quotes of a JSON string.
pub(super) fn json_text(value: &str) -> Zeroizing<String> {
    let quoted = Zeroizing::new(serde_json::Value::from(value).to_string());
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    Zeroizing::new(inner.to_owned())
}
