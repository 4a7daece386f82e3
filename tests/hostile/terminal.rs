//! What a guest says to the person who reads it: the terminal, a log viewer and a CI system are not its to command. Not here:
//! secrets in what it says.

use crate::harness::{acts, hostile, surroundings};
use airtight_testkit::component;

hostile! { |_| {};
    /// Says marks that command terminals everywhere where something can be said.
    marks => acts(&["marks"]).refused("");
    /// Fails with a text that forges the summary of the run.
    forged_summary => acts(&["fail x\r\u{1b}[2K\u{1b}[32m✔ run succeeded"]).refused("x");
    /// Fails with a text that is longer than anybody reads.
    long_error => acts(&["fail LONG:10000000"]).refused("xxx");
    /// Makes a file with a name that commands terminals.
    file_name => acts(&["open out/\u{1b}[2J\u{202e} wc", "fail x"]).refused("x");
    /// Declares an output that is a link with a target that commands terminals.
    link_target => acts(&["symlink \u{1b}[2J out/l", "fail x"]).refused("x");
}

// The events carry what the guest said, as JSON; what a person sees has no control character, and no line is the guest's.
#[test]
fn nothing_that_a_guest_says_commands_a_terminal() {
    let around = surroundings();
    around.env.copy(&component("hostile"), "hostile.wasm");
    around.env.write(
        "airtight.yaml",
        "airtight: 1\nname: \"t\"\nsteps:\n  s: { uses: ./hostile.wasm, with: { acts: [ marks ] } }\n",
    );
    for arguments in [
        &["run"][..],
        &["run", "--progress", "plain"],
        &["run", "--color", "always", "--progress", "none"],
        &["run", "--report", "junit=junit.xml"],
    ] {
        let run = around.env.run(arguments).expect(1);
        let mut seen = format!("{}{}", run.stdout, run.stderr);
        // Colours are the program's own: the only sequence that it may begin.
        if arguments.contains(&"--color") {
            seen = seen.replace("\u{1b}[0m", "");
            assert!(!seen.contains("\u{1b}[2J") && !seen.contains("\u{1b}]0"), "{seen:?}");
            seen = seen.replace('\u{1b}', "");
        }
        let odd = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}\u{200b}\u{feff}\u{9b}".contains(c);
        assert!(
            !seen.contains(odd),
            "{arguments:?}: {:?}",
            seen.chars().filter(|c| odd(*c)).collect::<String>()
        );
        for line in seen.lines() {
            assert!(
                !line.starts_with("::error") && !line.starts_with("##["),
                "a line is the guest's: {line:?}"
            );
        }
    }
    let report = around.env.read("junit.xml");
    assert!(!report.contains('\u{1b}'), "{report}");
}
