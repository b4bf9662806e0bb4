//! How much of a limit is used: a bar, and the figures beside it.

use ratatui::layout::Rect;

use crate::tui::ink::{Ink, columns, right_of};
use crate::tui::theme::Role;

/// One limit and what of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge<'a> {
    /// What is measured.
    pub label: &'a str,
    /// Used.
    pub used: u64,
    /// Allowed; 0 where there is no limit.
    pub limit: u64,
    /// The figures for people.
    pub figures: String,
}

/// Columns of the labels.
const LABEL: u16 = 8;

impl Gauge<'_> {
    /// Draws several below one another, their bars of one length. The bars give way first where it is narrow.
    pub fn draw_all(gauges: &[Self], ink: &mut Ink<'_>, area: Rect) {
        let figures = gauges
            .iter()
            .map(|g| columns(&g.figures))
            .max()
            .unwrap_or_default();
        let bar = area
            .width
            .saturating_sub(LABEL + 1)
            .saturating_sub(figures as u16)
            .min(40);
        for (row, gauge) in gauges.iter().enumerate() {
            gauge.draw(ink, area, row as u16, bar);
        }
    }

    fn draw(&self, ink: &mut Ink<'_>, area: Rect, row: u16, bar: u16) {
        ink.put(area, row, self.label, Role::Dim);
        let rest = right_of(area, LABEL);
        let role = self.role();
        if bar >= 6 && self.limit > 0 {
            let filled = self.filled(bar);
            let [full, empty] = ink.glyphs().gauge;
            let used = ink.put(rest, row, &full.repeat(filled.into()), role);
            ink.put(
                right_of(rest, used),
                row,
                &empty.repeat((bar - filled).into()),
                Role::Faint,
            );
            ink.put(
                right_of(rest, bar + 1),
                row,
                &self.figures,
                role_of_figures(role),
            );
        } else {
            ink.put(rest, row, &self.figures, role_of_figures(role));
        }
    }

    fn filled(&self, width: u16) -> u16 {
        let used = u128::from(self.used.min(self.limit));
        let filled = (used * u128::from(width)).div_ceil(u128::from(self.limit.max(1)));
        u16::try_from(filled).unwrap_or(width).min(width)
    }

    /// From three quarters on it is worth a look, from nineteen twentieths on it is about to end badly.
    const fn role(&self) -> Role {
        let (used, limit) = (self.used as u128, self.limit as u128);
        if limit == 0 || used * 4 < limit * 3 {
            Role::Busy
        } else if used * 20 < limit * 19 {
            Role::Warn
        } else {
            Role::Bad
        }
    }
}

const fn role_of_figures(role: Role) -> Role {
    match role {
        Role::Busy => Role::Text,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(used: u64, limit: u64) -> Gauge<'static> {
        Gauge {
            label: "memory",
            used,
            limit,
            figures: String::new(),
        }
    }

    #[test]
    fn a_little_shows_and_no_more_than_all_does() {
        assert_eq!(gauge(0, 100).filled(20), 0);
        assert_eq!(gauge(1, 1 << 40).filled(20), 1);
        assert_eq!(gauge(100, 100).filled(20), 20);
        assert_eq!(gauge(u64::MAX, 100).filled(20), 20);
    }

    #[test]
    fn it_warns_before_it_is_too_late() {
        assert_eq!(gauge(74, 100).role(), Role::Busy);
        assert_eq!(gauge(75, 100).role(), Role::Warn);
        assert_eq!(gauge(95, 100).role(), Role::Bad);
        assert_eq!(gauge(u64::MAX, u64::MAX).role(), Role::Bad);
    }
}
