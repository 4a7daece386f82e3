//! Which imports are provided, and why others are not. Not here: linking them (`cap`).

use crate::cap::{CAPABILITIES, STEP_VERSION, WASI_VERSION};

type Version = (u64, u64, u64);

/// `namespace:package/interface@version` in its parts: package, interface, version.
fn parts(name: &str) -> Option<(&str, &str, Version)> {
    let (path, version) = name.split_once('@')?;
    let (package, interface) = path.split_once('/')?;
    let mut numbers = version.splitn(3, '.').map(|number| number.parse::<u64>().ok());
    Some((
        package,
        interface,
        (numbers.next()??, numbers.next()??, numbers.next()??),
    ))
}

/// Whether what was built against `wanted` runs with `provided`: semver, below 1.0 within the minor version.
fn compatible(wanted: Version, provided: Version) -> bool {
    (wanted.0, wanted.1) == (provided.0, provided.1) && wanted.2 <= provided.2
}

fn provided_version(package: &str) -> Version {
    if package == "airtight:step" {
        STEP_VERSION
    } else {
        WASI_VERSION
    }
}

fn shown(version: Version) -> String {
    format!("{}.{}.{}", version.0, version.1, version.2)
}

/// Whether an interface is provided.
pub(super) fn is_provided(name: &str) -> bool {
    parts(name).is_some_and(|(package, interface, version)| {
        compatible(version, provided_version(package)) && is_known(package, interface)
    })
}

fn is_known(package: &str, interface: &str) -> bool {
    CAPABILITIES
        .iter()
        .any(|known| known.package == package && known.interfaces.contains(&interface))
}

/// Whether `name` is `path` in a version of WASI that is provided.
pub(super) fn is_provided_version(path: &str, name: &str) -> bool {
    let version = parts(name)
        .filter(|_| name.split('@').next() == Some(path))
        .map(|(_, _, version)| version);
    version.is_some_and(|version| compatible(version, WASI_VERSION))
}

/// The version of a WASI interface that is of a later series than the one that is provided.
pub(super) fn newer_wasi(name: &str) -> Option<String> {
    let (package, _, version) = parts(name)?;
    let newer = (version.0, version.1) > (WASI_VERSION.0, WASI_VERSION.1);
    (package.starts_with("wasi:") && newer).then(|| shown(version))
}

/// Whether it is an interface of `airtight:step` in a version that is not provided.
pub(super) fn is_step_of_another_version(name: &str) -> bool {
    name.starts_with("airtight:step/") && parts(name).is_none_or(|(_, _, version)| !compatible(version, STEP_VERSION))
}

/// The version of `airtight:step` that is provided.
pub(super) fn step_version() -> String {
    shown(STEP_VERSION)
}

/// Says why an import of a summary is not provided, as the end of a sentence about it.
pub fn why_unknown(import: &str) -> String {
    let Some((package, interface, version)) = parts(import) else {
        return "is not something that Airtight provides".to_owned();
    };
    let provided = provided_version(package);
    if is_known(package, interface) && !compatible(version, provided) {
        return format!(
            "is provided in version {} and what is compatible with it",
            shown(provided)
        );
    }
    match package {
        _ if package.starts_with("wasi:") => {
            "is not among the interfaces of WASI 0.2 that Airtight provides".to_owned()
        }
        "airtight:step" => format!("is not in airtight:step@{}", shown(STEP_VERSION)),
        _ => "is not something that Airtight provides: it has to be composed into the component".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Semver as WASI uses it: anything up to ours in the same minor version, nothing else.
    #[test]
    fn provided_is_what_is_compatible_with_our_versions() {
        for name in [
            "wasi:cli/environment@0.2.0",
            "wasi:io/poll@0.2.12",
            "airtight:step/log@0.1.0",
            "airtight:step/secret@0.1.0",
        ] {
            assert!(is_provided(name), "{name}");
        }
        for name in [
            "wasi:cli/environment@0.2.13",
            "wasi:cli/environment@0.3.0",
            "wasi:cli/nothing@0.2.0",
            "airtight:step/log@0.2.0",
            "airtight:step/log@0.1.1",
            "wasi:keyvalue/store@0.2.0",
            "wasi:cli/environment@0.2.0-rc-2023-12-05",
            "host",
        ] {
            assert!(!is_provided(name), "{name}");
        }
    }

    // The text tells a wrong version from a wrong interface from a foreign one.
    #[test]
    fn a_reason_fits_what_is_wrong() {
        assert!(why_unknown("wasi:cli/environment@0.2.13").contains("0.2.12"));
        assert!(why_unknown("airtight:step/teleport@0.1.0").contains("airtight:step@0.1.0"));
        assert!(why_unknown("acme:db/query@1.0.0").contains("composed"));
        assert!(why_unknown("env").contains("not something"));
        assert_eq!(newer_wasi("wasi:cli/run@0.3.0"), Some("0.3.0".to_owned()));
        assert_eq!(newer_wasi("wasi:cli/run@0.2.0"), None);
    }
}
