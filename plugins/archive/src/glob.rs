//! Globs over `/`-separated paths: `?`, `*`, `**` and `[…]`. It is deliberately small: no braces, no negation, and a
//! pattern always means the whole path.

/// A parsed glob.
#[derive(Debug)]
pub(crate) struct Glob {
    components: Vec<Component>,
}

#[derive(Debug)]
enum Component {
    /// `**`: any number of names.
    Any,
    /// A pattern for exactly one name.
    Name(Vec<Token>),
}

#[derive(Debug)]
enum Token {
    Literal(char),
    /// `?`: one character.
    One,
    /// `*`: any number of characters.
    Many,
    /// `[…]`: one character of these ranges, or, when negated, one of no range.
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Parses a pattern; the error says what is wrong with it.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let path = pattern.strip_prefix("./").unwrap_or(pattern);
        if path.is_empty() || path.starts_with('/') {
            return Err(format!("`{pattern}` is not a path below `from`"));
        }
        let components = path
            .split('/')
            .map(|name| parse_component(pattern, name))
            .collect::<Result<_, _>>()?;
        Ok(Self { components })
    }

    /// Whether the whole of `path` matches.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        match_components(&self.components, &names)
    }
}

fn parse_component(pattern: &str, name: &str) -> Result<Component, String> {
    if name == "**" {
        return Ok(Component::Any);
    }
    if name.is_empty() || name == "." || name == ".." || name.contains("**") {
        return Err(format!("`{pattern}` has the part `{name}`, which matches nothing"));
    }
    let mut tokens = Vec::new();
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '?' => Token::One,
            '*' => Token::Many,
            '[' => parse_set(pattern, &mut rest)?,
            '{' | '}' => return Err(format!("`{pattern}` has braces; write one glob for each alternative")),
            other => Token::Literal(other),
        });
    }
    Ok(Component::Name(tokens))
}

/// Parses what follows a `[`, up to and with its `]`.
fn parse_set(pattern: &str, rest: &mut std::str::Chars<'_>) -> Result<Token, String> {
    let unclosed = || format!("`{pattern}` has a `[` without its `]`");
    let mut body: Vec<char> = Vec::new();
    loop {
        match rest.next().ok_or_else(unclosed)? {
            // A `]` that comes first is a member.
            ']' if !body.is_empty() && body != ['!'] => break,
            c => body.push(c),
        }
    }
    let negated = body.first() == Some(&'!');
    let mut members = body[usize::from(negated)..].iter().copied().peekable();
    let mut ranges = Vec::new();
    while let Some(first) = members.next() {
        let mut ahead = members.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) => {
                ranges.push((first, last));
                members = ahead;
            }
            _ => ranges.push((first, first)),
        }
    }
    Ok(Token::Set { negated, ranges })
}

fn match_components(components: &[Component], names: &[&str]) -> bool {
    match components.split_first() {
        None => names.is_empty(),
        Some((Component::Any, rest)) => (0..=names.len()).any(|skipped| match_components(rest, &names[skipped..])),
        Some((Component::Name(tokens), rest)) => names.split_first().is_some_and(|(name, later)| {
            let characters: Vec<char> = name.chars().collect();
            match_name(tokens, &characters) && match_components(rest, later)
        }),
    }
}

/// Matches one name without recursion: on a mismatch the last `*` takes one character more.
fn match_name(tokens: &[Token], name: &[char]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match tokens.get(token) {
            Some(Token::Many) => {
                star = Some((token, at));
                token += 1;
            }
            Some(single) if single.is(name[at]) => {
                token += 1;
                at += 1;
            }
            _ => match star {
                Some((star_token, star_at)) => {
                    star = Some((star_token, star_at + 1));
                    token = star_token + 1;
                    at = star_at + 1;
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(|rest| matches!(rest, Token::Many))
}

impl Token {
    /// Whether the token, which stands for one character, stands for `c`.
    fn is(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == c,
            Self::One => true,
            Self::Many => false,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_glob_matches_the_paths_that_its_documentation_says() {
        // One table of pattern, path and whether they match.
        for (pattern, path, expected) in [
            ("bin/tool", "bin/tool", true),
            ("./bin/tool", "bin/tool", true),
            ("tool", "bin/tool", false),
            ("*.sh", "run.sh", true),
            ("*.sh", "a/run.sh", false),
            ("**/*.sh", "run.sh", true),
            ("**/*.sh", "a/b/run.sh", true),
            ("bin/**", "bin/a/b", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("?", "é", true),
            ("?", "", false),
            ("[a-cx]", "b", true),
            ("[a-cx]", "x", true),
            ("[!a-c]", "b", false),
            ("[!a-c]", "d", true),
            ("[]]", "]", true),
            ("[a-]", "-", true),
        ] {
            assert_eq!(
                Glob::parse(pattern).unwrap().matches(path),
                expected,
                "{pattern} on {path}"
            );
        }
    }

    #[test]
    fn a_glob_that_can_match_nothing_is_refused() {
        // Each of these would silently match no file.
        for pattern in ["", "/bin/x", "a//b", "../x", "a/", "x{a,b}", "[abc", "a**"] {
            assert!(Glob::parse(pattern).is_err(), "{pattern}");
        }
    }
}
