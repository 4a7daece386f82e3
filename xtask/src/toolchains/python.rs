//! What steps in Python are built with: componentize-py, on the machine's own Python.

use std::path::Path;

use super::{Kind, pip, says, wrapper};
use crate::Result;

/// The version that the templates name.
const VERSION: &str = "0.25.1";

pub(super) const KIND: Kind = Kind {
    name: "python",
    recipe: || format!("componentize-py {VERSION}"),
    found: || {
        says("componentize-py", &["--version"]).is_some_and(|said| said.trim() == format!("componentize-py {VERSION}"))
    },
    install,
    path: &["bin"],
};

fn install(folder: &Path) -> Result<()> {
    let package = folder.join("package");
    pip::install(&package, &[&format!("componentize-py=={VERSION}")])?;
    // What `python3` is may hang on the environment (pyenv); programs of tests have another one.
    let python =
        says("python3", &["-c", "import sys; print(sys.executable, end='')"]).ok_or("Python does not start")?;
    let start = "import sys, componentize_py; sys.exit(componentize_py.script())";
    wrapper(
        &folder.join("bin/componentize-py"),
        &[("PYTHONPATH", &package)],
        Path::new(&python),
        &["-c".as_ref(), start.as_ref()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests have to build templates with what the templates tell people to install.
    #[test]
    fn templates_and_tests_have_the_same_package() {
        for kind in ["function", "command"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../sdk/python")
                .join(kind)
                .join("requirements.txt");
            let text = std::fs::read_to_string(file).unwrap();
            assert_eq!(text, format!("componentize-py=={VERSION}\n"), "{kind}");
        }
    }
}
