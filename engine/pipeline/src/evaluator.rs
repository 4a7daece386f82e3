//! The evaluator of what a plan leaves for later. Not here: the language (`expr`).

use airtight_model::plan::{EvaluationError, Evaluator, Scope};
use serde_json::Value as Json;

use crate::check::Programs;
use crate::expr::{Roots, evaluate};

/// Evaluates CEL expressions; each text is read once.
#[derive(Debug, Clone, Default)]
pub struct CelEvaluator {
    pub(crate) programs: Programs,
}

impl Evaluator for CelEvaluator {
    fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Json, EvaluationError> {
        let fail = |message: String| EvaluationError {
            expression: expression.to_owned(),
            message,
        };
        let program = self.programs.get(expression);
        let compiled = match &*program {
            Ok(compiled) => compiled,
            Err(rejected) => return Err(fail(rejected.message.clone())),
        };
        let roots = Roots {
            inputs: &scope.inputs,
            steps: &scope.steps,
            matrix: &scope.matrix,
            event: &scope.event,
        };
        evaluate(&compiled.expr, roots).map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use airtight_model::plan::{Template, TextPart};
    use serde_json::json;

    use super::*;

    // The scheduler's side: a template over results renders, and what is missing names the expression.
    #[test]
    fn templates_render_over_results() {
        let evaluator = CelEvaluator::default();
        let mut scope = Scope::default();
        let steps = json!({ "scan": { "outcome": "succeeded", "result": { "count": 2 } } });
        scope.steps = std::sync::Arc::new(steps.as_object().unwrap().clone());
        let parts = vec![
            TextPart::Literal("n=".into()),
            TextPart::Expression("steps.scan.result.count + 1".into()),
        ];
        assert_eq!(evaluator.render(&Template::Text(parts), &scope).unwrap(), json!("n=3"));
        let error = evaluator.evaluate("steps.build.result", &scope).unwrap_err();
        assert_eq!(error.to_string(), "`steps.build.result`: there is no `build`");
        assert!(evaluator.evaluate("1 +", &scope).is_err());
        assert_eq!(evaluator.evaluate("false", &scope).unwrap(), json!(false));
    }
}
