//! The scheduler beside a naive reference: random graphs, random outcomes, random order of ends.

use proptest::prelude::*;

use super::*;

/// What a step would end with if it ran.
fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Succeeded),
        2 => Just(Failed),
        1 => Just(Outcome::TimedOut),
        1 => Just(Outcome::Errored),
        1 => Just(Skipped),
    ]
}

#[derive(Debug, Clone)]
struct Graph {
    rules: Vec<StepRules>,
    outcomes: Vec<Outcome>,
    /// Steps of the same number do the same.
    same: Vec<u8>,
}

fn graph() -> impl Strategy<Value = Graph> {
    let whens = prop_oneof![4 => Just(When::OnSuccess), 1 => Just(When::OnFailure), 1 => Just(When::Always)];
    let step = (
        proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4),
        whens,
        proptest::bool::weighted(0.2),
        proptest::option::of(0u32..2),
        proptest::bool::weighted(0.3),
        outcome(),
        0u8..6,
    );
    proptest::collection::vec(step, 1..14).prop_map(|steps| {
        let mut graph = Graph {
            rules: Vec::new(),
            outcomes: Vec::new(),
            same: Vec::new(),
        };
        for (i, (edges, when, allow_failure, group, fail_fast, outcome, same)) in steps.into_iter().enumerate() {
            let edges: Vec<(StepId, bool)> = if i == 0 {
                Vec::new()
            } else {
                edges
                    .into_iter()
                    .map(|(at, data)| (StepId(at.index(i) as u32), data))
                    .collect()
            };
            let sorted = |steps: Vec<StepId>| {
                let mut steps = steps;
                steps.sort_unstable();
                steps.dedup();
                steps
            };
            graph.rules.push(StepRules {
                needs: sorted(edges.iter().filter(|(_, data)| *data).map(|(step, _)| *step).collect()),
                predecessors: sorted(edges.into_iter().map(|(step, _)| step).collect()),
                when,
                allow_failure,
                group,
                max_parallel: group.map(|group| group + 1),
                fail_fast,
            });
            graph.outcomes.push(outcome);
            graph.same.push(same);
        }
        graph
    })
}

/// The reference for a run that keeps going and has no fail-fast: step by step in the order of the file, in which
/// predecessors come first. The second of a pair: whether what comes after sees a failure.
fn reference(graph: &Graph) -> Vec<(Outcome, bool)> {
    let mut ends: Vec<(Outcome, bool)> = Vec::new();
    for (rules, outcome) in graph.rules.iter().zip(&graph.outcomes) {
        let end = |step: &StepId| ends[step.index()];
        let missing = rules.needs.iter().any(|step| end(step).0 != Succeeded);
        let missing_bad = rules.needs.iter().any(|step| end(step).0 != Succeeded && end(step).1);
        let failed = rules.predecessors.iter().any(|step| end(step).1);
        ends.push(if missing {
            (Skipped, missing_bad)
        } else if rules.when == When::OnSuccess && failed {
            (Skipped, true)
        } else if rules.when == When::OnFailure && !failed {
            (Skipped, false)
        } else {
            (
                *outcome,
                !matches!(outcome, Succeeded | Skipped) && !rules.allow_failure,
            )
        });
    }
    ends
}

/// Takes a graph through the scheduler, ending running steps in an order that `picks` gives, and checks at each moment
/// what must always hold. `each` is asked before each end.
fn simulate(graph: &Graph, policy: Policy, picks: &[u8], mut each: impl FnMut(&mut Scheduler, usize)) -> Scheduler {
    let mut s = Scheduler::new(graph.rules.clone(), policy);
    let (mut running, mut stopped): (Vec<StepId>, bool) = (Vec::new(), false);
    let mut picks = picks.iter().cycle();
    // As the driver does it: a step that is looked up follows one that does the same, once.
    let mut followed = vec![false; graph.rules.len()];
    for turn in 0.. {
        while let Some(step) = s.next_ready() {
            let does_so =
                |other: &StepId| graph.same[other.index()] == graph.same[step.index()] && s.on_its_way(*other);
            let leader = s.ids().find(does_so).filter(|_| !followed[step.index()]);
            match leader {
                Some(leader) => {
                    followed[step.index()] = true;
                    s.follow(step, leader);
                }
                None => s.enqueue(step),
            }
        }
        while let Some(step) = s.next_start() {
            let rules = &graph.rules[step.index()];
            assert!(s.waiting_on(step).is_empty());
            assert!(rules.needs.iter().all(|need| s.state(*need) == State::Done(Succeeded)));
            assert!(!stopped || rules.when != When::OnSuccess, "started after a failure");
            running.push(step);
        }
        assert_eq!(s.running(), running.len());
        assert!(running.len() <= policy.jobs);
        for group in 0..2 {
            let cells = running
                .iter()
                .filter(|step| graph.rules[step.index()].group == Some(group))
                .count();
            assert!(cells as u32 <= group + 1);
        }
        each(&mut s, turn);
        if running.is_empty() {
            assert!(s.is_done(), "nothing runs and something waits");
            return s;
        }
        let step = running.swap_remove(usize::from(*picks.next().unwrap()) % running.len());
        let stops = s.take_stops();
        let outcome = if stops.contains(&step) {
            Cancelled
        } else {
            graph.outcomes[step.index()]
        };
        let rules = &graph.rules[step.index()];
        stopped |= !policy.keep_going && !matches!(outcome, Succeeded | Skipped | Cancelled) && !rules.allow_failure;
        s.finish(step, outcome);
    }
    s
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    // Whatever the order in which steps end, a run that keeps going ends as the rules say.
    #[test]
    fn a_run_that_keeps_going_ends_as_the_reference_says(
        mut graph in graph(), jobs in 1usize..5, picks in proptest::collection::vec(any::<u8>(), 1..20),
    ) {
        graph.rules.iter_mut().for_each(|rules| rules.fail_fast = false);
        let s = simulate(&graph, Policy { jobs, keep_going: true }, &picks, |_, _| {});
        for (i, (outcome, _)) in reference(&graph).into_iter().enumerate() {
            prop_assert_eq!(s.state(StepId(i as u32)), State::Done(outcome), "step {}", i);
        }
    }

    // Stopping, fail-fast and cancelling at any moment: every step still ends, and nothing that must not starts.
    #[test]
    fn every_run_ends_and_starts_nothing_that_it_must_not(
        graph in graph(), jobs in 1usize..5, keep_going: bool,
        picks in proptest::collection::vec(any::<u8>(), 1..20), cancel in proptest::option::of(0usize..10),
    ) {
        let s = simulate(&graph, Policy { jobs, keep_going }, &picks, |s, turn| {
            if Some(turn) == cancel {
                s.cancel(Reason::RunCancelled);
            }
        });
        prop_assert!(s.is_done());
    }
}
