//! `airtight query`: which steps may reach a host, use a secret or read a path, by their grants and mounts today, and which
//! did, by the histories of the last runs. Not here: what is granted (the pipeline), or keeping histories (the store).

mod answer;
mod reach;
mod reads;
mod secret;

use airtight_model::Plan;
use airtight_model::history::RunHistory;

use crate::args::{Asked, QueryCommand};
use crate::commands::Context;
use crate::display::Paint;
use crate::failure::Failure;
use crate::output;
use crate::project::Project;

pub(crate) use answer::{Answer, May, instant};
pub(crate) use reach::host_of;

/// What a question is answered from.
pub(crate) struct Known<'a> {
    pub(crate) project: &'a Project,
    pub(crate) plan: &'a Plan,
    /// When each run was, and what its steps did, the last one first.
    pub(crate) histories: Vec<(u64, RunHistory)>,
}

/// Answers a question.
pub(crate) fn query(context: &Context, command: &QueryCommand) -> Result<(), Failure> {
    let asked = match command {
        QueryCommand::Reach { asked, .. } | QueryCommand::Secret { asked, .. } | QueryCommand::Reads { asked, .. } => {
            asked
        }
    };
    let project = context.project()?;
    let plan = project.plan(context, &asked.select)?;
    let histories = context
        .store()?
        .histories(&project.identity())
        .map_err(Failure::store)?;
    let known = Known {
        project: &project,
        plan: &plan,
        histories,
    };
    let answer = match command {
        QueryCommand::Reach { host, .. } => reach::reach(&known, host)?,
        QueryCommand::Secret { name, .. } => secret::secret(&known, name)?,
        QueryCommand::Reads { path, .. } => reads::reads(context, &known, path)?,
    };
    print(context, asked, &answer)
}

fn print(context: &Context, asked: &Asked, answer: &Answer) -> Result<(), Failure> {
    let text = match asked.format {
        crate::args::Format::Json => answer.as_json().to_string(),
        crate::args::Format::Text => answer.as_text(Paint(context.settings.color_stdout)),
    };
    output::data_line(&text).map_err(Failure::closed_output)
}
