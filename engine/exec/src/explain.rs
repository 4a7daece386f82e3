//! Explaining a step without running anything: the same request, key and look-up as a run makes. What comes before the
//! step is taken from the cache; where that has no answer, the step's own key is not known yet, and the explanation
//! says so. Not here: how it is shown.

use std::sync::Arc;

use airtight_model::plan::Plan;
use airtight_model::{Class, Outcome, StepId};
use airtight_store::{Explained, Lookup};

use crate::cancel::Cancel;
use crate::driver::{RunOptions, Services};
use crate::ledger::Ledger;
use crate::prepare::prepare;
use crate::report::Problem;
use crate::sources;

/// What would become of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainReport {
    /// Its whole name.
    pub step: String,
    /// Its class.
    pub class: Class,
    /// Why it has that class.
    pub class_reason: String,
    /// What would become of it.
    pub verdict: Verdict,
    /// Its keys, what they are made of and what changed since it last ran, where all that it is given is known.
    pub explained: Option<Explained>,
    /// The steps that had to be asked before it, in the order in which they were.
    pub upstream: Vec<Upstream>,
    /// Sources that cannot be used.
    pub problems: Vec<Problem>,
}

/// A step that another uses or waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// The step.
    pub step: StepId,
    /// Its whole name.
    pub name: String,
    /// What would become of it.
    pub verdict: Verdict,
}

/// What would become of a step in a run that began now.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A full hit.
    Full,
    /// A narrow hit.
    Narrow,
    /// It would run, and why.
    Runs(String),
    /// Its condition is false.
    Skipped,
    /// It would run or not, depending on steps that would run before it: those.
    Unknown(Vec<StepId>),
    /// It would not even start: what is wrong, and what to do about it.
    Refused(String, Option<String>),
}

/// Explains a step. Sources that it or what it uses needs are brought into the store.
pub async fn explain_step(
    plan: Arc<Plan>,
    step: StepId,
    services: &Services,
    options: &RunOptions,
    cancel: &Cancel,
) -> ExplainReport {
    let order = upstream(&plan, step);
    let mut ledger = Ledger::new(plan.clone());
    let wanted = sources::needed(&plan, order.iter().map(|step| step.index()), false);
    let problems = sources::ingest(&wanted, &mut ledger, services, options, cancel).await;
    let mut asked: Vec<Option<Verdict>> = vec![None; plan.steps.len()];
    let mut explained = None;
    if problems.is_empty() && !cancel.is_cancelled() {
        for &id in &order {
            let (verdict, found) = ask(id, &mut ledger, &asked, services, options);
            asked[id.index()] = Some(verdict);
            explained = found;
        }
    }
    let planned = &plan.steps[step.index()];
    let told = |id: &StepId| {
        let verdict = asked[id.index()].clone()?;
        Some(Upstream {
            step: *id,
            name: plan.steps[id.index()].name.clone(),
            verdict,
        })
    };
    ExplainReport {
        step: planned.name.clone(),
        class: planned.class,
        class_reason: planned.class_reason.clone(),
        verdict: asked[step.index()]
            .clone()
            .unwrap_or_else(|| Verdict::Refused("a source cannot be used".to_owned(), None)),
        explained,
        upstream: order.iter().filter(|id| **id != step).filter_map(told).collect(),
        problems,
    }
}

/// The steps whose results a step's key can depend on, and it, each after those that it depends on. What a step only
/// follows matters where expressions may ask for its outcome.
fn upstream(plan: &Plan, step: StepId) -> Vec<StepId> {
    let (mut order, mut seen) = (Vec::new(), vec![false; plan.steps.len()]);
    let mut stack = vec![(step, false)];
    while let Some((id, done)) = stack.pop() {
        if done {
            order.push(id);
        } else if !std::mem::replace(&mut seen[id.index()], true) {
            stack.push((id, true));
            let planned = &plan.steps[id.index()];
            let before = if planned.condition.is_some() {
                planned.predecessors()
            } else {
                planned.needs.clone()
            };
            stack.extend(before.into_iter().rev().map(|before| (before, false)));
        }
    }
    order
}

type Asked = (Verdict, Option<Explained>);

fn ask(id: StepId, ledger: &mut Ledger, asked: &[Option<Verdict>], services: &Services, options: &RunOptions) -> Asked {
    let plan = ledger.plan().clone();
    let planned = &plan.steps[id.index()];
    let open = |verdict: &Option<Verdict>| {
        matches!(
            verdict,
            Some(Verdict::Runs(_) | Verdict::Unknown(_) | Verdict::Refused(..))
        )
    };
    let before: Vec<StepId> = planned
        .predecessors()
        .into_iter()
        .filter(|id| open(&asked[id.index()]))
        .collect();
    if !before.is_empty() {
        return (Verdict::Unknown(before), None);
    }
    if planned
        .needs
        .iter()
        .any(|need| asked[need.index()] == Some(Verdict::Skipped))
    {
        ledger.set_step(id, Outcome::Skipped, None);
        return (Verdict::Skipped, None);
    }
    match ledger.condition(id, &*services.evaluator) {
        Ok(true) => {}
        Ok(false) => {
            ledger.set_step(id, Outcome::Skipped, None);
            return (Verdict::Skipped, None);
        }
        Err(cause) => return (Verdict::Refused(cause, Some("change `if:`".to_owned())), None),
    }
    let prepared = match prepare(id, ledger, services.ports()) {
        Ok(prepared) => prepared,
        Err(refusal) => return (Verdict::Refused(refusal.cause, refusal.help), None),
    };
    let explained = match services
        .cache
        .explain(&prepared.action, &options.identity_of(&planned.name))
    {
        Ok(explained) => explained,
        Err(error) => {
            return (
                Verdict::Refused(error.to_string(), error.help().map(str::to_owned)),
                None,
            );
        }
    };
    if planned.class == Class::Effectful {
        return (
            Verdict::Runs(format!("it is effectful: {}", planned.class_reason)),
            Some(explained),
        );
    }
    let (verdict, result) = match &explained.lookup {
        Lookup::Full(result) => (Verdict::Full, result),
        Lookup::Narrow(result) => (Verdict::Narrow, result),
        Lookup::Miss(reason) => return (Verdict::Runs(reason.to_string()), Some(explained)),
    };
    ledger.set_step(id, Outcome::Succeeded, Some(Arc::new(result.clone())));
    (verdict, Some(explained))
}
