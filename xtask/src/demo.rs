//! `cargo xtask demo`: builds the engine and its standard components, then runs this repository's own pipeline. Also the check that a
//! second run finds everything in the store. What the pipeline does stands in `airtight.yaml`, not here.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::Result;
use crate::project::{Project, shown};

/// Builds, runs `airtight run` with `arguments` in the repository's root, and ends as it ended.
pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<ExitCode> {
    project.build_airtight()?;
    let status = Command::new(project.airtight())
        .current_dir(&project.root)
        .arg("run")
        .args(arguments)
        .status()?;
    // Without a code the program was ended by a signal: its number is not ours to know portably.
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs the demo into an empty store, then again: the second run must take every step from the store, and say so.
pub(crate) fn twice(project: &Project) -> Result<()> {
    let home = project.scratch("demo")?;
    // Known to `verified`, which takes over what is in it.
    let store = home.join("store");
    let run = || {
        let mut command = airtight(project, &home);
        command.arg("run").arg("--store").arg(&store);
        command
    };
    let first = output(&mut run())?;
    print!("{first}");
    let events = output(run().args(["--format", "json"]))?;
    nothing_ran(&events)?;
    let again = output(&mut run())?;
    print!("{again}");
    if again.contains(SAID) {
        Ok(())
    } else {
        Err(format!("a run that ran nothing should say `{SAID}`").into())
    }
}

/// Verifies the demo's pure steps for another user, in another time zone and language, over the store that [`twice`] filled.
pub(crate) fn verified(project: &Project) -> Result<()> {
    let store = project.target.join("xtask/demo/store");
    let home = project.scratch("verify")?;
    let mut command = airtight(project, &home);
    command.env("TZ", "Pacific/Chatham").env("LANG", "tr_TR.UTF-8");
    print!("{}", output(command.arg("verify").arg("--store").arg(store))?);
    Ok(())
}

/// What the closing line of a run says when every step came from the store.
const SAID: &str = "nothing ran";

fn airtight(project: &Project, home: &Path) -> Command {
    let mut command = project.isolated(project.airtight(), home);
    command.current_dir(&project.root);
    command
}

/// Runs a command that must succeed and returns all that it printed, stderr last.
fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|cause| format!("`{}` could not be started: {cause}", shown(command)))?;
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("`{}` failed ({})\n{text}", shown(command), output.status).into())
    }
}

/// Checks an event stream: at least one step ended, and none of them ran.
fn nothing_ran(events: &str) -> Result<()> {
    let ended: Vec<&str> = events
        .lines()
        .filter(|line| line.contains(r#""event":"step-finished""#))
        .collect();
    if ended.is_empty() {
        return Err("the second run reported no step at all".into());
    }
    let hit = |line: &&&str| line.contains(r#""cache":"full""#) || line.contains(r#""cache":"narrow""#);
    match ended.iter().find(|line| !hit(line)) {
        Some(ran) => Err(format!("the second run ran a step again: {ran}").into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_that_ran_a_step_is_found_out() {
        let hit = r#"{"v":1,"event":"step-finished","step":"scan","cache":"full"}"#;
        let miss = r#"{"v":1,"event":"step-finished","step":"sbom","cache":"miss"}"#;
        assert!(nothing_ran(hit).is_ok());
        assert!(nothing_ran(&format!("{hit}\n{miss}")).is_err());
    }

    #[test]
    fn a_second_run_without_steps_proves_nothing() {
        assert!(nothing_ran(r#"{"v":1,"event":"run-finished"}"#).is_err());
    }
}
