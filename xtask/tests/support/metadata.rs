//! What cargo says about the workspace, for the tests beside this folder. Nothing is judged here.

use std::process::Command;

/// Returns `cargo metadata` of the repository for this machine's kind, by its lock file.
pub(crate) fn read() -> serde_json::Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let rustc = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc is there when cargo is");
    let version = String::from_utf8(rustc.stdout).expect("rustc prints UTF-8");
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc names its host")
        .to_owned();
    let output = Command::new(cargo)
        .current_dir(xtask::guest::repository())
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &host,
        ])
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}
