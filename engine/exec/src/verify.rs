//! Verifying: steps that are said to be pure run a second time, elsewhere, and must make the same. Not here: what is
//! different elsewhere (whoever gives the second runner), or how a difference is shown.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use airtight_model::event::Stream;
use airtight_model::plan::Plan;
use airtight_model::step::{LogLine, Report};
use airtight_model::{ActionResult, BlobDigest, Class, Node, Outcome, StepId, StepReport, StepRequest};
use tokio::task::JoinSet;

use crate::cancel::Cancel;
use crate::driver::{Run, RunOptions, Services};
use crate::prepare::{Prepared, prepare};
use crate::report::RunReport;
use crate::runner::{RunnerControl, StepRunner, StepSink, TraceSink};

/// The most host calls of an attempt that are compared.
const MAX_CALLS: usize = 200_000;
/// The longest line of a host call that is kept, in bytes.
const MAX_LINE: usize = 512;

/// What is verified, and how.
#[derive(Clone)]
pub struct VerifyOptions {
    /// The steps; none: all of the plan.
    pub steps: Vec<StepId>,
    /// Whether fixed-output steps run again too: they use the network.
    pub fetch: bool,
    /// How many run at a time.
    pub jobs: usize,
    /// What runs them.
    pub second: Arc<dyn StepRunner>,
}

/// What came of a verification.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    /// The run that came before it. Unless it succeeded, nothing was verified.
    pub run: RunReport,
    /// The steps that were to be verified, in the order of the plan.
    pub steps: Vec<Verified>,
}

/// What was found of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Its whole name.
    pub step: String,
    /// What.
    pub verdict: SameOrNot,
}

/// Whether a step made the same again.
#[derive(Debug, Clone, PartialEq)]
pub enum SameOrNot {
    /// It did.
    Same,
    /// It was not run again: why, as a part of a sentence.
    Skipped(String),
    /// It did not.
    Different(Vec<Difference>, Option<CallDifference>),
}

/// One thing that was different.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// It did not succeed the second time: how it ended, and why.
    Outcome(Outcome, Option<String>),
    /// An output: its name, what it was, what it is the second time.
    Output(String, Option<Node>, Option<Node>),
    /// The typed result: as data, both times.
    Result(String, String),
    /// Standard output or standard error: the blobs, none for an empty one.
    Stream(Stream, Option<BlobDigest>, Option<BlobDigest>),
    /// The log: the first line that differs, from 1, both times.
    Log(usize, Option<LogLine>, Option<LogLine>),
    /// The reports: the first that differs, from 1.
    Reports(usize),
    /// What was refused to it.
    Denials,
}

/// The first host call that was different when the step ran once more in both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallDifference {
    /// Which call, from 1.
    pub number: usize,
    /// The call before it, which was the same.
    pub before: Option<String>,
    /// The call of the first way; none where it had ended.
    pub first: Option<String>,
    /// The call of the second.
    pub second: Option<String>,
}

/// Brings a plan to date by a run, and then runs its pure steps again, last ones first, with the second runner. `tell` is
/// called with each step as it is verified.
pub async fn verify(
    plan: Arc<Plan>,
    services: Services,
    options: RunOptions,
    verify: VerifyOptions,
    cancel: Cancel,
    tell: &(dyn Fn(&Verified) + Sync),
) -> VerifyReport {
    let (run, mut ledger) = Run::keeping(plan.clone(), services.clone(), options, cancel.clone()).await;
    let mut found: Vec<Option<Verified>> = vec![None; plan.steps.len()];
    if !run.summary.success {
        return VerifyReport { run, steps: Vec::new() };
    }
    let chosen: BTreeSet<usize> = match verify.steps.as_slice() {
        [] => (0..plan.steps.len()).collect(),
        some => some.iter().map(|step| step.index()).collect(),
    };
    let mut waiting = VecDeque::new();
    for index in chosen.iter().copied().rev() {
        let step = StepId(u32::try_from(index).expect("a plan has fewer steps than that"));
        let job = match why_not(&plan, &run, step, verify.fetch) {
            Some(why) => Err(why),
            None => prepare(step, &mut ledger, services.ports()).map_err(|refusal| refusal.to_string()),
        };
        match (job, run.steps[index].result.clone()) {
            (Ok(prepared), Some(known)) => waiting.push_back((index, prepared, known)),
            (Ok(_), None) => {}
            (Err(why), _) => {
                let skipped = Verified {
                    step: plan.steps[index].name.clone(),
                    verdict: SameOrNot::Skipped(why),
                };
                tell(&skipped);
                found[index] = Some(skipped);
            }
        }
    }
    // What the first runner does to the process before a guest runs in it holds for the second too.
    let _ = services.runner.get();
    let mut going = JoinSet::new();
    while !waiting.is_empty() || !going.is_empty() {
        while going.len() < verify.jobs.max(1) && !cancel.is_cancelled() {
            let Some((index, prepared, known)) = waiting.pop_front() else {
                break;
            };
            let again = Again {
                prepared,
                known,
                services: services.clone(),
                second: verify.second.clone(),
                cancel: cancel.clone(),
            };
            going.spawn(async move { (index, again.compare().await) });
        }
        let Some(ended) = going.join_next().await else { break };
        let Ok((index, verdict)) = ended else { continue };
        let verified = Verified {
            step: plan.steps[index].name.clone(),
            verdict,
        };
        tell(&verified);
        found[index] = Some(verified);
    }
    // A task that panicked is a step that was not verified, and so is one that was not begun.
    let ended = |index: usize| {
        found[index].take().unwrap_or_else(|| Verified {
            step: plan.steps[index].name.clone(),
            verdict: SameOrNot::Skipped("the verification was cancelled, or failed".to_owned()),
        })
    };
    VerifyReport {
        run,
        steps: chosen.into_iter().map(ended).collect(),
    }
}

/// Why a step is not run again.
fn why_not(plan: &Plan, run: &RunReport, step: StepId, fetch: bool) -> Option<String> {
    let planned = &plan.steps[step.index()];
    let outcome = run.step(step).outcome;
    if outcome != Outcome::Succeeded {
        return Some(format!("its outcome is {}", outcome.word()));
    }
    match planned.class {
        Class::Pure => None,
        Class::FixedOutput if fetch => None,
        Class::FixedOutput => Some("it is fixed-output; `--fetch` runs it again too".to_owned()),
        Class::Effectful => Some(format!("it is effectful: {}", planned.class_reason)),
    }
}

/// A step that runs again.
struct Again {
    prepared: Prepared,
    known: Arc<ActionResult>,
    services: Services,
    second: Arc<dyn StepRunner>,
    cancel: Cancel,
}

impl Again {
    async fn compare(self) -> SameOrNot {
        if let Some(stdin) = &self.prepared.stdin
            && let Err(error) = self.services.trees.put(stdin)
        {
            return SameOrNot::Skipped(format!("its standard input cannot be kept: {error}"));
        }
        let request = &self.prepared.request();
        let report = attempt(&*self.second, request, &self.cancel, None).await;
        if self.cancel.is_cancelled() {
            return SameOrNot::Skipped("the verification was cancelled".to_owned());
        }
        let differences = differences(&self.known, &report);
        if differences.is_empty() {
            return SameOrNot::Same;
        }
        SameOrNot::Different(differences, self.first_call().await)
    }

    /// Runs the step once more in both ways, listening.
    async fn first_call(&self) -> Option<CallDifference> {
        let first = self.services.runner.get().ok()?;
        let request = &self.prepared.request();
        let (one, two) = (Arc::new(Calls::default()), Arc::new(Calls::default()));
        attempt(&*first, request, &self.cancel, Some(one.clone())).await;
        attempt(&*self.second, request, &self.cancel, Some(two.clone())).await;
        first_difference(&one.take(), &two.take())
    }
}

async fn attempt(
    runner: &dyn StepRunner,
    request: &StepRequest,
    cancel: &Cancel,
    trace: Option<Arc<Calls>>,
) -> StepReport {
    let control = RunnerControl {
        cancel: cancel.clone(),
        sink: Arc::new(Silent),
        trace: trace.map(|calls| calls as Arc<dyn TraceSink>),
    };
    runner.run(request.clone(), control).await
}

/// What a second attempt did otherwise. What it used of the machine is nobody's business.
fn differences(known: &ActionResult, report: &StepReport) -> Vec<Difference> {
    if report.outcome != Outcome::Succeeded {
        return vec![Difference::Outcome(report.outcome, report.cause.clone())];
    }
    let mut found = Vec::new();
    for (name, node) in &known.outputs {
        let again = report
            .outputs
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, node)| node);
        if again != Some(node) {
            found.push(Difference::Output(name.clone(), Some(node.clone()), again.cloned()));
        }
    }
    if known.result != report.result {
        let data = |value: &Option<airtight_model::Value>| {
            value
                .as_ref()
                .map_or("nothing".to_owned(), |value| value.to_data().to_string())
        };
        found.push(Difference::Result(data(&known.result), data(&report.result)));
    }
    for (stream, one, two) in [
        (Stream::Stdout, &known.stdout, &report.stdout),
        (Stream::Stderr, &known.stderr, &report.stderr),
    ] {
        if one != two {
            found.push(Difference::Stream(stream, one.blob, two.blob));
        }
    }
    if let Some(at) = differs_at(&known.log, &report.log) {
        let line = |log: &[LogLine]| log.get(at).cloned();
        found.push(Difference::Log(at + 1, line(&known.log), line(&report.log)));
    }
    if let Some(at) = differs_at(&known.reports, &report.reports) {
        found.push(Difference::Reports(at + 1));
    }
    if known.denials != report.denials {
        found.push(Difference::Denials);
    }
    found
}

/// The first place in which two lists differ.
fn differs_at<T: PartialEq>(one: &[T], two: &[T]) -> Option<usize> {
    (0..one.len().max(two.len())).find(|&at| one.get(at) != two.get(at))
}

fn first_difference(one: &[String], two: &[String]) -> Option<CallDifference> {
    let at = differs_at(one, two)?;
    Some(CallDifference {
        number: at + 1,
        before: at.checked_sub(1).and_then(|before| one.get(before).cloned()),
        first: one.get(at).cloned(),
        second: two.get(at).cloned(),
    })
}

/// The host calls of an attempt.
#[derive(Default)]
struct Calls(Mutex<Vec<String>>);

impl Calls {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TraceSink for Calls {
    fn call(&self, line: &str) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() < MAX_CALLS {
            let mut end = line.len().min(MAX_LINE);
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            calls.push(line[..end].to_owned());
        }
    }
}

/// What a step says the second time is compared, not shown.
struct Silent;

impl StepSink for Silent {
    fn output(&self, _: Stream, _: &[u8]) {}
    fn log(&self, _: &LogLine) {}
    fn progress(&self, _: &str, _: u64, _: Option<u64>) {}
    fn report(&self, _: &Report) {}
    fn lost(&self, _: BlobDigest) {}
}
