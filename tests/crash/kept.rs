//! What a run reported as kept is kept: whatever is killed later, a run or a sweep. Not here: what a kill leaves in the store (`kill`).

use std::fs;
use std::time::Instant;

use crate::dice::{Dice, rounds};
use crate::kill::wait_until;
use crate::lab::{FILES, Lab, Running, VARIANTS, reference};

/// The content of an exported file in an undisturbed run.
fn expected(variant: u64, exported: &str) -> &'static [u8] {
    let (_, content) = &reference(variant)[exported];
    content.as_deref().expect("it is a file")
}

/// What a disturbance may leave: each output and export is that of one of these variants, never less.
#[track_caller]
fn assert_kept(lab: &Lab, variants: [u64; 2], what: &str) {
    for (output, exported) in FILES {
        let there = fs::read(lab.project(exported)).unwrap_or_else(|error| panic!("{what}: {exported}: {error}"));
        let got = lab.env.root().join("got");
        let get = lab.finish(&mut lab.command(&["artifact", "get", output, got.to_str().unwrap()]));
        assert_eq!(get.code, Some(0), "{what}: {output} is lost\n{}", get.text());
        let kept = fs::read(&got).unwrap();
        fs::remove_file(&got).unwrap();
        for (found, kind) in [(there, "export"), (kept, "artifact")] {
            let right = variants.iter().any(|variant| found == expected(*variant, exported));
            assert!(right, "{what}: the {kind} {output} is of no run, {} bytes", found.len());
        }
    }
}

// A run ended well and said so. Later runs and sweeps are killed at any instant: its exports are there, whole, or replaced by those
// of the later run; so are its outputs in the store.
#[test]
fn what_was_reported_as_kept_survives_the_killing_of_all_that_comes_after() {
    let mut dice = Dice::of_test("kept");
    let lab = Lab::new();
    let rounds = rounds(5, 50);
    let mut killed = [0u64; 2];
    for round in 0..rounds {
        let variant = dice.below(VARIANTS);
        let later = (variant + 1 + dice.below(VARIANTS - 1)) % VARIANTS;
        lab.fill(variant);
        let began = Instant::now();
        lab.assert_right(variant, &format!("round {round}"));
        let length = began.elapsed();
        for (kill, killed) in killed.iter_mut().enumerate() {
            let mut command = if kill == 0 {
                lab.fill(later);
                lab.run_command()
            } else {
                lab.command(&["cache", "sweep", "--keep", "0"])
            };
            let instant = dice.part_of(if kill == 0 { length } else { length / 8 });
            let running = Running::start(&mut command);
            wait_until(Instant::now() + instant);
            *killed += u64::from(running.kill());
            let what = format!("round {round}, variant {variant}, then {later}, kill {kill} after {instant:?}");
            assert_kept(&lab, [variant, later], &what);
        }
        let swept = lab.finish(&mut lab.command(&["cache", "sweep", "--keep", "0"]));
        assert_eq!(swept.code, Some(0), "round {round}: {}", swept.text());
        assert_kept(&lab, [variant, later], &format!("round {round}, swept"));
    }
    eprintln!(
        "kept: {rounds} rounds, {} runs and {} sweeps killed before their end",
        killed[0], killed[1]
    );
}
