//! A stretch of a long list that lives elsewhere, and when to ask for another stretch.

/// Rows that are asked for at once.
pub const STRETCH: usize = 256;

/// Rows that are kept ready before and after what is shown, where they are asked for anew.
const MARGIN: usize = STRETCH / 3;

/// What is known of a list.
#[derive(Debug, Clone)]
pub struct Window<T> {
    total: Option<usize>,
    offset: usize,
    rows: Vec<T>,
    asked: Option<usize>,
    outdated: bool,
    error: Option<String>,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self {
            total: None,
            offset: 0,
            rows: Vec::new(),
            asked: None,
            outdated: true,
            error: None,
        }
    }
}

impl<T> Window<T> {
    /// How long the list is; nothing before the first answer.
    pub const fn total(&self) -> Option<usize> {
        self.total
    }

    /// How long the list is, as far as is known.
    pub fn length(&self) -> usize {
        self.total.unwrap_or_default()
    }

    /// Why the last question failed.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The row at `index`, if it is here.
    pub fn row(&self, index: usize) -> Option<&T> {
        self.rows.get(index.checked_sub(self.offset)?)
    }

    /// The index of the first row here that `is` holds for.
    pub fn find(&self, is: impl Fn(&T) -> bool) -> Option<usize> {
        self.rows.iter().position(is).map(|at| self.offset + at)
    }

    /// What is here may no longer be so: ask again, and show it until then.
    pub fn outdate(&mut self) {
        self.outdated = true;
        self.asked = None;
        self.error = None;
    }

    /// Another list altogether: forget what is here.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The offset to ask for so that `height` rows from `top` on can be shown, if anything is to be asked.
    pub fn question(&mut self, top: usize, height: usize) -> Option<usize> {
        if self.error.is_some() {
            return None;
        }
        let end = (top + height).min(self.length());
        let here = top >= self.offset && end <= self.offset + self.rows.len();
        if here && !self.outdated {
            return None;
        }
        // Where what is shown is part of what is on its way, wait for that.
        if let Some(asked) = self.asked
            && top >= asked
            && (end <= asked + STRETCH || self.total.is_none())
        {
            return None;
        }
        let offset = top.saturating_sub(MARGIN);
        self.asked = Some(offset);
        self.outdated = false;
        Some(offset)
    }

    /// Takes an answer, unless it is to a question that nobody waits for any more; whether it was taken.
    pub fn answer(&mut self, offset: usize, answer: Result<(u64, Vec<T>), String>) -> bool {
        if self.asked != Some(offset) {
            return false;
        }
        self.asked = None;
        match answer {
            Ok((total, rows)) => {
                let total = usize::try_from(total).unwrap_or(usize::MAX);
                // A list that shrank below the question: ask again nearer its beginning.
                self.outdated |= rows.is_empty() && offset > 0;
                self.total = Some(total.max(if rows.is_empty() {
                    0
                } else {
                    offset + rows.len()
                }));
                self.offset = offset;
                self.rows = rows;
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(window: &mut Window<usize>, offset: usize, total: usize) -> bool {
        let rows = (offset..total).take(STRETCH).collect();
        window.answer(offset, Ok((total as u64, rows)))
    }

    #[test]
    fn only_what_is_missing_is_asked_for_and_only_once() {
        let mut window = Window::default();
        assert_eq!(window.question(0, 40), Some(0));
        assert_eq!(window.question(0, 40), None);
        assert!(answer(&mut window, 0, 100_000));
        assert_eq!(window.question(200, 40), None);
        let far = window.question(50_000, 40).unwrap();
        assert!(far < 50_000 && far > 49_000);
        assert!(window.row(50_000).is_none());
        assert!(answer(&mut window, far, 100_000));
        assert_eq!(window.row(50_000), Some(&50_000));
    }

    #[test]
    fn an_answer_that_comes_too_late_is_dropped() {
        let mut window = Window::default();
        window.question(0, 40);
        answer(&mut window, 0, 100_000);
        let first = window.question(50_000, 40).unwrap();
        let second = window.question(90_000, 40).unwrap();
        assert!(!answer(&mut window, first, 100_000));
        assert!(answer(&mut window, second, 100_000));
    }

    #[test]
    fn an_error_is_kept_and_not_asked_for_again_by_itself() {
        let mut window = Window::<usize>::default();
        window.question(0, 40);
        window.answer(0, Err("no".into()));
        assert_eq!(window.error(), Some("no"));
        assert_eq!(window.question(0, 40), None);
        window.outdate();
        assert_eq!(window.question(0, 40), Some(0));
    }

    #[test]
    fn a_list_that_shrank_is_found_again() {
        let mut window = Window::default();
        window.question(0, 40);
        answer(&mut window, 0, 1000);
        let far = window.question(900, 40).unwrap();
        assert!(answer(&mut window, far, 10));
        assert_eq!(window.length(), 10);
        assert_eq!(window.question(0, 40), Some(0));
    }
}
