//! Eight processes on one store at once, a sweep going on, some of them killed. Not here: one process alone (`kill`).

use std::time::{Duration, Instant};

use crate::dice::{Dice, rounds};
use crate::kill::wait_until;
use crate::lab::{Lab, Running, VARIANTS};

/// How many run at once.
const PROCESSES: usize = 8;

// Two in each of four projects, which use one store; one project has no HOME. Those that are not killed end well, their exports are
// right, and afterwards the store is sound and everyone hits.
#[test]
fn processes_that_share_a_store_with_sweeps_and_kills_end_right() {
    let mut dice = Dice::of_test("race");
    let first = Lab::new();
    let mut labs = vec![];
    for number in 1..PROCESSES / 2 {
        let homeless = number == 1;
        labs.push(Lab::sharing_store(&first, homeless));
    }
    labs.insert(0, first);
    let rounds = rounds(2, 20);
    let (mut killed, mut swept) = (0u64, 0u64);
    let mut length = Duration::from_secs(1);
    for round in 0..rounds {
        if dice.once_in(2) {
            labs[0].clear();
        }
        let sweeps = round % 2 == 0 || dice.once_in(2);
        let variants: Vec<u64> = labs.iter().map(|_| dice.below(VARIANTS)).collect();
        for (lab, variant) in labs.iter().zip(&variants) {
            lab.fill(*variant);
        }
        let what = format!("round {round}, variants {variants:?}, sweeps {sweeps}");
        let began = Instant::now();
        let mut running: Vec<(usize, Running)> = (0..PROCESSES)
            .map(|number| number % labs.len())
            .map(|project| (project, Running::start(&mut labs[project].run_command())))
            .collect();
        for _ in 0..dice.below(3) {
            wait_until(Instant::now() + dice.part_of(length / 2));
            let (_, victim) = running.remove(dice.below(running.len() as u64) as usize);
            killed += u64::from(victim.kill());
        }
        while sweeps && !running.iter_mut().all(|(_, running)| running.has_ended()) {
            let sweep = labs[0].finish(&mut labs[0].command(&["cache", "sweep", "--keep", "100000"]));
            assert!(matches!(sweep.code, Some(0 | 4)), "{what}: {}", sweep.text());
            assert!(
                sweep.code == Some(0) || sweep.stderr.contains("error[S0009]"),
                "{what}: {}",
                sweep.text()
            );
            swept += u64::from(sweep.code == Some(0));
        }
        for (project, running) in running {
            let run = running.finish();
            assert_eq!(
                run.code,
                Some(0),
                "{what}: a survivor in project {project}\n{}",
                run.text()
            );
        }
        length = began.elapsed();
        for (lab, variant) in labs.iter().zip(&variants) {
            lab.assert_right(*variant, &what);
            lab.assert_hits(*variant, &what);
        }
        labs[0].assert_sound(&what);
        labs[0].assert_swept_clean(&what);
    }
    eprintln!(
        "race: {rounds} rounds of {PROCESSES} processes, {killed} killed before their end, {swept} sweeps between"
    );
}
