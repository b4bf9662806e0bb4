//! A look ahead: what later steps will need of what a step makes.

use crate::dockerfile::ast::Kind;
use crate::engine::plan::{Base, Plan};

impl Plan {
    /// Whether a RUN will stand on what the step `number` makes.
    pub fn is_run_on(&self, number: u32) -> bool {
        let mut upon: Vec<usize> = Vec::new();
        for (index, stage) in self.stages.iter().enumerate() {
            let at = stage.steps.iter().position(|step| step.number == number);
            let later = match (at, &stage.base) {
                (Some(at), _) => &stage.steps[at + 1..],
                (None, Base::Stage(base)) if upon.contains(base) => &stage.steps[..],
                _ => continue,
            };
            upon.push(index);
            let run = |kind: &Kind| matches!(kind, Kind::Run(_));
            if later.iter().any(|step| run(&step.instruction.kind)) {
                return true;
            }
        }
        false
    }
}
