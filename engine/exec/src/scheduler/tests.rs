//! The scheduler's rules, one by one, and against a naive reference.
#![allow(clippy::unwrap_used)]

mod model;

use airtight_model::plan::When;
use airtight_model::{Outcome, StepId};

use super::{Ended, Policy, Reason, Scheduler, State, StepRules};
use Outcome::{Cancelled, Failed, Skipped, Succeeded};

const KEEP: Policy = Policy {
    jobs: 8,
    keep_going: true,
};
const STOP: Policy = Policy {
    jobs: 8,
    keep_going: false,
};

fn id(i: u32) -> StepId {
    StepId(i)
}

fn ids(of: &[u32]) -> Vec<StepId> {
    of.iter().copied().map(StepId).collect()
}

fn needs(of: &[u32]) -> StepRules {
    StepRules {
        needs: ids(of),
        predecessors: ids(of),
        ..StepRules::default()
    }
}

fn after(of: &[u32]) -> StepRules {
    StepRules {
        predecessors: ids(of),
        ..StepRules::default()
    }
}

fn when(when: When, rules: StepRules) -> StepRules {
    StepRules { when, ..rules }
}

/// Everything that may start now, started.
fn start(scheduler: &mut Scheduler) -> Vec<u32> {
    while let Some(step) = scheduler.next_ready() {
        scheduler.enqueue(step);
    }
    std::iter::from_fn(|| scheduler.next_start())
        .map(|step| step.0)
        .collect()
}

fn ended(scheduler: &mut Scheduler) -> Vec<(u32, Outcome, Reason)> {
    scheduler
        .take_ended()
        .into_iter()
        .map(|Ended { step, outcome, reason }| (step.0, outcome, reason))
        .collect()
}

// A step starts when all that it waits for has ended, not before.
#[test]
fn a_step_waits_for_all_its_predecessors() {
    let mut s = Scheduler::new(vec![needs(&[]), needs(&[]), needs(&[0, 1])], KEEP);
    assert_eq!(start(&mut s), [0, 1]);
    assert_eq!(s.waiting_on(id(2)), ids(&[0, 1]));
    s.finish(id(0), Succeeded);
    assert_eq!(start(&mut s), [] as [u32; 0]);
    assert_eq!(s.waiting_on(id(2)), ids(&[1]));
    s.finish(id(1), Succeeded);
    assert_eq!(start(&mut s), [2]);
    s.finish(id(2), Succeeded);
    assert!(s.is_done());
}

// With one worker the long chain goes first, although its head is the last in the file.
#[test]
fn the_longest_path_goes_first() {
    let mut s = Scheduler::new(
        vec![needs(&[]), needs(&[]), needs(&[1])],
        Policy {
            jobs: 1,
            keep_going: true,
        },
    );
    assert_eq!(start(&mut s), [1]);
}

// Recorded durations weigh more than the number of steps, whenever they become known.
#[test]
fn a_slow_step_goes_before_a_longer_chain_of_fast_ones() {
    let mut s = Scheduler::new(
        vec![needs(&[]), needs(&[0]), needs(&[])],
        Policy {
            jobs: 1,
            keep_going: true,
        },
    );
    while let Some(step) = s.next_ready() {
        s.enqueue(step);
    }
    s.set_weights(&[10, 10, 1000]);
    assert_eq!(s.next_start(), Some(id(2)));
}

// Steps that are equally long go in the order of the file, so that two runs are alike.
#[test]
fn equal_steps_go_in_the_order_of_the_file() {
    let mut s = Scheduler::new(vec![needs(&[]); 5], KEEP);
    assert_eq!(start(&mut s), [0, 1, 2, 3, 4]);
}

// A step that follows another is looked up again when that one's attempt has ended, whichever way it did.
#[test]
fn a_follower_is_looked_up_again_when_the_attempt_that_it_waits_for_has_ended() {
    let end: [fn(&mut Scheduler); 3] = [
        |s| s.finish(id(0), Succeeded),
        |s| s.finish(id(0), Failed),
        |s| s.rest(id(0)),
    ];
    for end in end {
        let mut s = Scheduler::new(vec![needs(&[]), needs(&[]), needs(&[1])], KEEP);
        let (first, second) = (s.next_ready().unwrap(), s.next_ready().unwrap());
        let (leader, follower) = if first == id(0) {
            (first, second)
        } else {
            (second, first)
        };
        s.enqueue(leader);
        s.follow(follower, leader);
        assert_eq!(start(&mut s), [0]);
        assert_eq!(s.state(id(1)), State::Waiting);
        end(&mut s);
        assert_eq!(s.next_ready(), Some(id(1)));
        assert_eq!(s.state(id(2)), State::Waiting);
    }
}

// A follower whose own input is lost meanwhile waits for both: who makes that again, and whom it follows.
#[test]
fn a_follower_whose_input_is_lost_waits_for_both() {
    let mut s = Scheduler::new(vec![needs(&[]), needs(&[]), needs(&[0])], KEEP);
    let first = s.next_ready().unwrap();
    s.finish(first, Succeeded);
    assert_eq!(first, id(0), "the longest path");
    assert_eq!((s.next_ready(), s.next_ready()), (Some(id(1)), Some(id(2))));
    s.enqueue(id(1));
    s.follow(id(2), id(1));
    assert_eq!(start(&mut s), [1]);
    s.rewind(None, id(0));
    assert_eq!(start(&mut s), [0]);
    s.finish(id(1), Succeeded);
    assert_eq!(start(&mut s), [] as [u32; 0]);
    s.finish(id(0), Succeeded);
    assert_eq!(start(&mut s), [2]);
}

// Look-ups have no bound; attempts have the number of workers, and a resting step gives its worker back.
#[test]
fn no_more_steps_run_than_there_are_workers() {
    let mut s = Scheduler::new(
        vec![needs(&[]); 4],
        Policy {
            jobs: 2,
            keep_going: true,
        },
    );
    assert_eq!(start(&mut s), [0, 1]);
    assert_eq!(s.state(id(3)), State::Queued);
    s.rest(id(0));
    assert_eq!(start(&mut s), [2]);
    s.rested(id(0));
    assert_eq!(start(&mut s), [] as [u32; 0]);
    s.finish(id(1), Succeeded);
    assert_eq!(start(&mut s), [0]);
}

// A hit ends a step straight from its look-up.
#[test]
fn a_step_can_end_without_running() {
    let mut s = Scheduler::new(vec![needs(&[]), needs(&[0])], KEEP);
    let step = s.next_ready().unwrap();
    s.finish(step, Succeeded);
    assert_eq!(s.next_ready(), Some(id(1)));
    assert_eq!(s.running(), 0);
}

// A data edge to a skipped step skips, and that chain is not a failure.
#[test]
fn a_data_edge_to_a_skipped_step_skips() {
    let mut s = Scheduler::new(vec![needs(&[]), needs(&[0]), needs(&[1]), after(&[2])], KEEP);
    let step = s.next_ready().unwrap();
    s.finish(step, Skipped);
    assert_eq!(
        ended(&mut s),
        [
            (1, Skipped, Reason::Needs(id(0), Skipped)),
            (2, Skipped, Reason::Needs(id(1), Skipped))
        ]
    );
    assert_eq!(start(&mut s), [3]);
}

// `after:` a step that its condition skipped is satisfied.
#[test]
fn after_a_skipped_step_is_satisfied() {
    let mut s = Scheduler::new(vec![needs(&[]), after(&[0])], KEEP);
    let step = s.next_ready().unwrap();
    s.finish(step, Skipped);
    assert_eq!(start(&mut s), [1]);
}

// `after:` a failed step is not satisfied, whichever way it did not succeed.
#[test]
fn after_a_failed_step_is_not_satisfied() {
    for outcome in [Failed, Outcome::Denied, Outcome::TimedOut, Outcome::Errored, Cancelled] {
        let mut s = Scheduler::new(vec![needs(&[]), after(&[0])], KEEP);
        start(&mut s);
        s.finish(id(0), outcome);
        assert_eq!(ended(&mut s), [(1, Skipped, Reason::After(id(0), outcome))]);
        assert!(s.is_done());
    }
}

// What was skipped because of a failure carries the failure on: nothing is deployed after tests that never ran.
#[test]
fn after_a_step_that_a_failure_skipped_is_not_satisfied() {
    let mut s = Scheduler::new(
        vec![needs(&[]), needs(&[0]), after(&[1]), when(When::OnFailure, after(&[1]))],
        KEEP,
    );
    start(&mut s);
    s.finish(id(0), Failed);
    assert_eq!(
        ended(&mut s),
        [
            (1, Skipped, Reason::Needs(id(0), Failed)),
            (2, Skipped, Reason::After(id(1), Skipped))
        ]
    );
    assert_eq!(start(&mut s), [3]);
}

// `allow-failure` satisfies `after:`, but what needs the step's outputs is skipped, and that is no failure.
#[test]
fn an_allowed_failure_satisfies_after_but_not_needs() {
    let allowed = StepRules {
        allow_failure: true,
        ..needs(&[])
    };
    let mut s = Scheduler::new(vec![allowed, after(&[0]), needs(&[0]), after(&[2])], STOP);
    start(&mut s);
    s.finish(id(0), Failed);
    assert_eq!(ended(&mut s), [(2, Skipped, Reason::Needs(id(0), Failed))]);
    assert_eq!(start(&mut s), [1, 3]);
}

// `when:` on-failure runs only if something before it failed; always runs in any case.
#[test]
fn when_says_which_outcomes_let_a_step_run() {
    for (outcome, runs) in [(Succeeded, vec![2]), (Failed, vec![1, 2])] {
        let rules = vec![
            needs(&[]),
            when(When::OnFailure, after(&[0])),
            when(When::Always, after(&[0])),
        ];
        let mut s = Scheduler::new(rules, STOP);
        start(&mut s);
        s.finish(id(0), outcome);
        assert_eq!(start(&mut s), runs, "{outcome:?}");
    }
    // Without anything before it, nothing can have failed.
    let mut s = Scheduler::new(vec![when(When::OnFailure, needs(&[]))], KEEP);
    assert_eq!(ended(&mut s), [(0, Skipped, Reason::NothingFailed)]);
}

// Even a step that always runs cannot mount what was not made.
#[test]
fn when_always_does_not_make_up_for_missing_data() {
    let mut s = Scheduler::new(vec![needs(&[]), when(When::Always, needs(&[0]))], KEEP);
    start(&mut s);
    s.finish(id(0), Failed);
    assert_eq!(ended(&mut s), [(1, Skipped, Reason::Needs(id(0), Failed))]);
}

// Without keep-going nothing new starts after a failure; what runs goes on; steps for failures start.
#[test]
fn a_run_that_stops_starts_only_what_is_there_for_failures() {
    let rules = vec![
        needs(&[]),
        needs(&[]),
        needs(&[]),
        needs(&[1]),
        when(When::Always, after(&[0])),
        after(&[1]),
    ];
    let mut s = Scheduler::new(
        rules,
        Policy {
            jobs: 2,
            keep_going: false,
        },
    );
    assert_eq!(start(&mut s), [0, 1]);
    s.finish(id(0), Failed);
    assert_eq!(ended(&mut s), [(2, Cancelled, Reason::Stopped(id(0)))]);
    assert_eq!(start(&mut s), [4]);
    s.finish(id(1), Succeeded);
    assert_eq!(
        ended(&mut s),
        [
            (3, Cancelled, Reason::Stopped(id(0))),
            (5, Cancelled, Reason::Stopped(id(0)))
        ]
    );
    s.finish(id(4), Succeeded);
    assert!(s.is_done());
}

// With keep-going only what depends on the failed step does not run.
#[test]
fn a_run_that_keeps_going_skips_only_what_depends_on_a_failure() {
    let mut s = Scheduler::new(vec![needs(&[]), needs(&[]), needs(&[0]), needs(&[1])], KEEP);
    start(&mut s);
    s.finish(id(0), Failed);
    assert_eq!(ended(&mut s), [(2, Skipped, Reason::Needs(id(0), Failed))]);
    s.finish(id(1), Succeeded);
    assert_eq!(start(&mut s), [3]);
}

fn cell(max_parallel: Option<u32>, fail_fast: bool) -> StepRules {
    StepRules {
        group: Some(0),
        max_parallel,
        fail_fast,
        ..StepRules::default()
    }
}

// A matrix runs no more of its cells at a time than it says, and others take the free workers.
#[test]
fn a_matrix_runs_at_most_max_parallel_cells() {
    let rules = vec![
        cell(Some(2), false),
        cell(Some(2), false),
        cell(Some(2), false),
        needs(&[]),
    ];
    let mut s = Scheduler::new(rules, KEEP);
    assert_eq!(start(&mut s), [0, 1, 3]);
    s.finish(id(1), Succeeded);
    assert_eq!(start(&mut s), [2]);
}

// A failed cell of a fail-fast matrix cancels those that have not begun and stops those that run; others go on.
#[test]
fn fail_fast_cancels_the_rest_of_the_matrix() {
    let rules = vec![
        cell(Some(2), true),
        cell(Some(2), true),
        cell(Some(2), true),
        needs(&[]),
    ];
    let mut s = Scheduler::new(rules, KEEP);
    assert_eq!(start(&mut s), [0, 1, 3]);
    s.finish(id(1), Failed);
    assert_eq!(ended(&mut s), [(2, Cancelled, Reason::FailFast(id(1)))]);
    assert_eq!(s.take_stops(), ids(&[0]));
    s.finish(id(0), Cancelled);
    s.finish(id(3), Succeeded);
    assert!(s.is_done());
}

// Without fail-fast, and where the failure is allowed, the other cells go on.
#[test]
fn a_matrix_without_fail_fast_goes_on() {
    for rules in [
        cell(None, false),
        StepRules {
            allow_failure: true,
            ..cell(None, true)
        },
    ] {
        let mut s = Scheduler::new(vec![rules.clone(), rules], KEEP);
        start(&mut s);
        s.finish(id(0), Failed);
        assert_eq!((s.take_stops(), ended(&mut s)), (vec![], vec![]));
    }
}

// A cancel ends everything that has not begun, even what always runs, and names what has to be told.
#[test]
fn a_cancelled_run_starts_nothing() {
    let rules = vec![needs(&[]), needs(&[]), needs(&[0]), when(When::Always, after(&[0]))];
    let mut s = Scheduler::new(
        rules,
        Policy {
            jobs: 1,
            keep_going: true,
        },
    );
    assert_eq!(start(&mut s), [0]);
    s.cancel(Reason::RunCancelled);
    s.cancel(Reason::RunCancelled);
    assert_eq!(s.take_stops(), ids(&[0]));
    let all = ended(&mut s);
    assert!(
        all.iter()
            .all(|(_, outcome, reason)| (*outcome, *reason) == (Cancelled, Reason::RunCancelled)),
        "{all:?}"
    );
    assert_eq!(all.len(), 3);
    assert_eq!(start(&mut s), [] as [u32; 0]);
    s.finish(id(0), Cancelled);
    assert!(s.is_done());
}

// A rewind runs the maker again; who found the loss and who has not begun wait for it, who has begun goes on.
#[test]
fn a_rewind_runs_the_maker_again_before_those_that_need_it() {
    let mut s = Scheduler::new(
        vec![needs(&[]), needs(&[0]), needs(&[0]), needs(&[0])],
        Policy {
            jobs: 2,
            keep_going: true,
        },
    );
    start(&mut s);
    s.finish(id(0), Succeeded);
    assert_eq!(start(&mut s), [1, 2]);
    assert_eq!(s.state(id(3)), State::Queued);
    s.rewind(Some(id(1)), id(0));
    assert_eq!(
        (s.state(id(1)), s.state(id(2)), s.state(id(3))),
        (State::Waiting, State::Running, State::Waiting)
    );
    assert_eq!(start(&mut s), [0]);
    // Another that runs meets the same loss: it waits for the same maker.
    s.rewind(Some(id(2)), id(0));
    s.finish(id(0), Succeeded);
    assert_eq!(start(&mut s), [1, 2]);
    s.finish(id(1), Succeeded);
    s.finish(id(2), Succeeded);
    assert_eq!(start(&mut s), [3]);
    s.finish(id(3), Succeeded);
    assert!(s.is_done());
}

// A maker that fails when it runs again takes with it what needs it.
#[test]
fn a_rewind_that_fails_skips_what_needs_it() {
    let mut s = Scheduler::new(vec![needs(&[]), needs(&[0])], KEEP);
    start(&mut s);
    s.finish(id(0), Succeeded);
    start(&mut s);
    s.rewind(Some(id(1)), id(0));
    start(&mut s);
    s.finish(id(0), Failed);
    assert_eq!(ended(&mut s), [(1, Skipped, Reason::Needs(id(0), Failed))]);
    assert!(s.is_done());
}

// A chain of many thousands is decided without recursion.
#[test]
fn a_long_chain_is_skipped_without_exhausting_the_stack() {
    let count = 200_000;
    let rules = (0..count)
        .map(|i| if i == 0 { needs(&[]) } else { needs(&[i - 1]) })
        .collect();
    let mut s = Scheduler::new(rules, KEEP);
    start(&mut s);
    s.finish(id(0), Failed);
    assert!(s.is_done());
    assert_eq!(s.take_ended().len(), count as usize - 1);
}
