//! SIGKILL at a random instant of a run, in a store that is empty or not, a thousand times.

use std::time::{Duration, Instant};

use crate::dice::{Dice, rounds};
use crate::lab::{Lab, Running, VARIANTS};

/// Waits until an instant. It is the disturbance itself, nothing is synchronised by it.
pub(crate) fn wait_until(instant: Instant) {
    let left = instant.saturating_duration_since(Instant::now());
    std::thread::sleep(left.saturating_sub(Duration::from_micros(100)));
    while Instant::now() < instant {
        std::hint::spin_loop();
    }
}

// Killing the process at any point costs work, never truth: nothing in the store is wrong, the next run ends well and exports what
// an undisturbed one does, the one after it hits, and what was left goes.
#[test]
fn a_run_that_is_killed_at_any_instant_costs_work_and_never_truth() {
    let mut dice = Dice::of_test("kill");
    let lab = Lab::new();
    let rounds = rounds(12, 100);
    let (mut killed, mut fresh) = (0u64, 0u64);
    let mut lengths = [Duration::ZERO; 2];
    for round in 0..rounds {
        let clear = round == 0 || dice.once_in(3);
        if clear {
            lab.clear();
            fresh += 1;
        }
        let variant = dice.below(VARIANTS);
        lab.fill(variant);
        // How long such a run takes is learned from those that are not disturbed.
        let length = &mut lengths[usize::from(clear)];
        if *length == Duration::ZERO {
            let began = Instant::now();
            lab.assert_right(variant, "undisturbed");
            *length = began.elapsed();
            continue;
        }
        let what = format!("round {round}, variant {variant}, cleared {clear}");
        let instant = dice.part_of(*length);
        let running = Running::start(&mut lab.run_command());
        wait_until(Instant::now() + instant);
        killed += u64::from(running.kill());
        let what = format!("{what}, killed after {instant:?}");
        if dice.once_in(2) {
            lab.assert_sound(&what);
        }
        lab.assert_right(variant, &what);
        lab.assert_hits(variant, &what);
        lab.assert_sound(&what);
        if dice.once_in(5) || round + 1 == rounds {
            lab.assert_swept_clean(&what);
            lab.assert_hits(variant, &what);
        }
    }
    eprintln!("kill: {rounds} rounds, {fresh} in an empty store, {killed} killed before their end");
    assert!(killed > 0, "no run was killed");
}
