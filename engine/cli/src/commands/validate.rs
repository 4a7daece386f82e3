//! `airtight validate`: checks the pipeline and makes its plan, and does nothing with it. Not here: the checks.

use crate::accepted;
use crate::args::SelectArgs;
use crate::commands::Context;
use crate::failure::Failure;
use crate::output;
use crate::settings::shown;

/// Checks the pipeline.
pub(crate) fn validate(context: &Context, select: &SelectArgs) -> Result<(), Failure> {
    let project = context.project()?;
    // Inputs that have no default are no fault of the file.
    let complete = project.checked.inputs().all(|(name, default)| {
        default.is_some() || select.inputs.iter().any(|(given, _)| given == name) || select.inputs_file.is_some()
    });
    let steps = match complete {
        true => project.plan(context, select)?.steps.len(),
        false => {
            accepted::hold_lock(context, &project, select)?;
            project.checked.step_names().count()
        }
    };
    let plural = if steps == 1 { "" } else { "s" };
    output::note(&format!("{} is valid: {steps} step{plural}", shown(&project.file)));
    Ok(())
}
