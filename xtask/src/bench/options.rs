//! What is asked of `cargo xtask bench` on its command line. Which cases there are is not known here.

use std::path::PathBuf;

use crate::Result;

/// How often each side does its work if nobody says otherwise.
const TURNS: usize = 7;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The cases' names; all but the ones of scale if there are none.
    pub(crate) cases: Vec<String>,
    /// Print one JSON document instead of a table.
    pub(crate) json: bool,
    /// The form for CI: small work, once, nothing installed, no verdicts.
    pub(crate) small: bool,
    /// The cases of scale too.
    pub(crate) scale: bool,
    /// Write the results into the documentation.
    pub(crate) save: bool,
    /// How often each side does its work, besides once to warm up.
    pub(crate) turns: usize,
    /// The program to measure, instead of a release build.
    pub(crate) binary: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments after `bench`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            cases: Vec::new(),
            json: false,
            small: false,
            scale: false,
            save: false,
            turns: TURNS,
            binary: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
            match argument.as_str() {
                "--json" => options.json = true,
                "--small" => options.small = true,
                "--scale" => options.scale = true,
                "--save" => options.save = true,
                "--turns" => options.turns = turns(value()?)?,
                "--binary" => options.binary = Some(std::path::absolute(value()?)?),
                other if other.starts_with('-') => return Err(format!("`bench` has no option `{other}`").into()),
                name => options.cases.push(name.to_owned()),
            }
        }
        if options.small && options.save {
            return Err("the small form says nothing about time: `--save` is for the whole one".into());
        }
        Ok(options)
    }
}

fn turns(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(turns) if turns > 0 => Ok(turns),
        _ => Err(format!("`--turns {text}` is no number of turns: give one of 1 or more").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        Options::parse(&arguments.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    // A mistyped option must not be taken for a case, or measure for an hour what nobody asked for.
    #[test]
    fn an_unknown_option_is_refused_and_a_name_is_a_case() {
        let options = parse(&["--json", "cpu", "--turns", "3", "--scale"]).unwrap();
        assert_eq!((options.cases, options.turns), (vec!["cpu".to_owned()], 3));
        assert!(options.json && options.scale && !options.small);
        for bad in [&["--jsn"][..], &["--turns"], &["--turns", "0"], &["--small", "--save"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
