//! The list of steps: by their numbers and stages, and what comes after them.

use super::Build;

/// A row of the list of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepRow {
    /// A stage begins; the first step of it.
    Stage(usize),
    /// A step.
    Step(usize),
    /// So many have not begun.
    Rest(u32),
    /// What the second build says, or came to.
    Again,
    /// The scanner's last word.
    Scan,
    /// The signer's last word.
    Sign,
}

impl Build {
    /// The row of what happens now, or happened last.
    pub(super) fn present(&self) -> Option<StepRow> {
        if self.progress.sign.is_some() {
            return Some(StepRow::Sign);
        }
        if self.progress.scan.is_some() {
            return Some(StepRow::Scan);
        }
        if self.progress.again.is_some() {
            return Some(StepRow::Again);
        }
        let last = self.progress.steps.len().checked_sub(1)?;
        Some(StepRow::Step(last))
    }

    /// The steps by their numbers, though stages that don't need each other are built side by side.
    pub(super) fn step_rows(&self) -> Vec<StepRow> {
        let steps = &self.progress.steps;
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|&n| steps[n].number);
        let several = steps.iter().any(|step| step.stage != steps[0].stage);
        let mut rows = Vec::with_capacity(steps.len() + 4);
        let mut stage = None;
        for n in order {
            if several && stage != Some(&steps[n].stage) {
                stage = Some(&steps[n].stage);
                rows.push(StepRow::Stage(n));
            }
            rows.push(StepRow::Step(n));
        }
        let rest = self.progress.total.saturating_sub(steps.len() as u32);
        if rest > 0 && self.progress.ending.is_none() {
            rows.push(StepRow::Rest(rest));
        }
        if self.progress.again.is_some() {
            rows.push(StepRow::Again);
        }
        if self.progress.scan.is_some() {
            rows.push(StepRow::Scan);
        }
        if self.progress.sign.is_some() {
            rows.push(StepRow::Sign);
        }
        rows
    }
}
