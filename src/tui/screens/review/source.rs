//! The Dockerfile as rows: its lines, each with its findings below it, or what changed in it.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use super::dossier::{Change, Dossier};
use crate::model::Severity;
use crate::tui::ink::{Ink, Line, below, columns, prefix, right_of, span, top_of, wrap};
use crate::tui::search::{contains, highlighted};
use crate::tui::theme::Role;

/// Columns before the text: number, gutter.
const GUTTER: usize = 7;

/// From so many lines on, a file is folded where nothing is said of it.
const LONG: usize = 60;

/// Unchanged lines that are shown around a change.
const AROUND: usize = 3;

/// One row. Texts stay where they are; a row says which part of them it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// A part of a line of the text.
    Text { line: u32, start: u32, end: u32 },
    /// A mark below a part of a line.
    Mark { finding: u32, from: u16, to: u16 },
    /// A row of what a finding says.
    Finding { finding: u32, part: u16 },
    /// A row of what to do about it.
    Help { finding: u32, part: u16 },
    /// A part of a changed line, in columns.
    Change { change: u32, from: u32, to: u32 },
    /// So many unchanged lines.
    Same { lines: u32 },
    /// So many lines of which nothing is said.
    Quiet { lines: u32 },
}

/// The rows of a text at a width.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) rows: Vec<Row>,
    width: usize,
    diff: bool,
    unfolded: bool,
}

impl Source {
    /// Lays the rows out for `width` columns.
    pub(super) fn lay_out(&mut self, dossier: &Dossier, width: u16, diff: bool) {
        let width = usize::from(width).saturating_sub(GUTTER + 1).max(8);
        if (self.width, self.diff) == (width, diff) && !self.rows.is_empty() {
            return;
        }
        (self.width, self.diff) = (width, diff);
        self.rows.clear();
        match &dossier.changes {
            Some(changes) if diff => self.lay_out_changes(changes),
            _ => self.lay_out_text(dossier),
        }
    }

    /// Forgets the rows: the text is another one.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
    }

    fn lay_out_text(&mut self, dossier: &Dossier) {
        let mut at: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let last = dossier.lines.len();
        for (n, finding) in dossier.page.findings.iter().enumerate() {
            // What concerns no line stands below the last one.
            let line = match finding.span.line as usize {
                0 => last,
                line => line.min(last.max(1)),
            };
            at.entry(line).or_default().push(n as u32);
        }
        let severity = |n: u32| dossier.page.findings[n as usize].severity;
        let mut quiet = 0u32;
        for number in 1..=last.max(1) {
            if self.folds(last, number, &at) {
                quiet += 1;
                continue;
            }
            if quiet > 0 {
                self.rows.push(Row::Quiet { lines: quiet });
                quiet = 0;
            }
            let text = dossier.lines.get(number - 1);
            let parts = hard_parts(text, self.width);
            let findings = at.get(&number).map_or(&[][..], Vec::as_slice);
            let mut passed = 0;
            for (start, end) in parts {
                if number <= last {
                    self.rows.push(Row::Text {
                        line: number as u32,
                        start: start as u32,
                        end: end as u32,
                    });
                }
                let wide = columns(&text[start..end]);
                for &finding in findings {
                    let (from, to) = dossier.places[finding as usize];
                    // A mark under the whole line says nothing.
                    let whole =
                        from == columns(text) - columns(text.trim_start()) && to >= columns(text);
                    if !whole && from >= passed && from < passed + wide && to > from {
                        let (from, to) = ((from - passed) as u16, (to - passed).min(wide) as u16);
                        // One mark for all that is said of one place.
                        let same = |row: &Row| matches!(row, Row::Mark { from: f, to: t, .. } if (*f, *t) == (from, to));
                        if !self.rows.last().is_some_and(same) {
                            self.rows.push(Row::Mark { finding, from, to });
                        } else if let Some(Row::Mark {
                            finding: marked, ..
                        }) = self.rows.last_mut()
                            && severity(finding) > severity(*marked)
                        {
                            *marked = finding;
                        }
                    }
                }
                passed += wide;
            }
            for &finding in findings {
                let say = &dossier.page.findings[finding as usize];
                let room = self.width.saturating_sub(2);
                let rows = wrap(&said(say), room).len();
                self.rows.extend((0..rows).map(|part| Row::Finding {
                    finding,
                    part: part as u16,
                }));
                // What to do about advice stands with the finding itself: a page is read for what decides.
                if !say.help.is_empty() && say.severity != Severity::Advice {
                    let rows = wrap(&crate::logs::sanitise(&say.help), room).len();
                    self.rows.extend((0..rows).map(|part| Row::Help {
                        finding,
                        part: part as u16,
                    }));
                }
            }
        }
    }

    /// Whether a line of a long file is left out: nothing is said of it, nor of any line near it.
    fn folds(&self, last: usize, number: usize, at: &BTreeMap<usize, Vec<u32>>) -> bool {
        if self.unfolded || last < LONG || number <= AROUND || number + AROUND > last {
            return false;
        }
        let near = number.saturating_sub(AROUND)..=number + AROUND;
        at.range(near).next().is_none()
    }

    /// Shows every line of a long file, or only those around findings.
    pub(super) fn toggle_folds(&mut self) {
        self.unfolded = !self.unfolded;
        self.rows.clear();
    }

    /// Shows every line: what is searched may be anywhere.
    pub(super) fn unfold(&mut self) {
        if !self.unfolded {
            self.toggle_folds();
        }
    }

    /// Whether anything is left out, or would be.
    pub(super) fn is_long(dossier: &Dossier) -> bool {
        dossier.lines.len() >= LONG
    }

    fn lay_out_changes(&mut self, changes: &[Change]) {
        let near: Vec<bool> = {
            let mut near = vec![false; changes.len()];
            for (n, _) in changes.iter().enumerate().filter(|(_, c)| c.sign != ' ') {
                let from = n.saturating_sub(AROUND);
                let to = (n + AROUND + 1).min(changes.len());
                near[from..to].fill(true);
            }
            near
        };
        let mut same = 0;
        for (n, change) in changes.iter().enumerate() {
            if !near[n] {
                same += 1;
                continue;
            }
            if same > 0 {
                self.rows.push(Row::Same { lines: same });
                same = 0;
            }
            let wide: usize = change.parts.iter().map(|(_, text)| columns(text)).sum();
            let mut from = 0;
            loop {
                let to = (from + self.width).min(wide);
                self.rows.push(Row::Change {
                    change: n as u32,
                    from: from as u32,
                    to: to as u32,
                });
                from = to;
                if from >= wide {
                    break;
                }
            }
        }
        if same > 0 {
            self.rows.push(Row::Same { lines: same });
        }
    }

    /// The first row that says something about `finding`, or the row of its line.
    pub(super) fn row_of(&self, finding: usize) -> Option<usize> {
        let says = |row: &Row| matches!(row, Row::Mark { finding: f, .. } | Row::Finding { finding: f, .. } if *f as usize == finding);
        let at = self.rows.iter().position(says)?;
        let line = self.rows[..at]
            .iter()
            .rposition(|r| matches!(r, Row::Text { .. }));
        Some(line.unwrap_or(at))
    }

    /// The rows of lines, or of changes, that hold `needle`.
    pub(super) fn matching(&self, dossier: &Dossier, needle: &str) -> Vec<usize> {
        let holds = |row: &Row| match *row {
            Row::Text { line, start: 0, .. } => {
                contains(dossier.lines.get(line as usize - 1), needle)
            }
            Row::Change {
                change, from: 0, ..
            } => {
                let whole: String = changes_of(dossier)[change as usize]
                    .parts
                    .iter()
                    .map(|(_, t)| t.as_str())
                    .collect();
                contains(&whole, needle)
            }
            Row::Finding { finding, part: 0 } => {
                contains(&said(&dossier.page.findings[finding as usize]), needle)
            }
            _ => false,
        };
        self.rows
            .iter()
            .enumerate()
            .filter(|(_, row)| holds(row))
            .map(|(at, _)| at)
            .collect()
    }

    /// Draws the rows from `top` on.
    pub(super) fn draw(
        &self,
        ink: &mut Ink<'_>,
        area: Rect,
        dossier: &Dossier,
        top: usize,
        needle: &str,
    ) {
        for line in 0..area.height {
            let Some(&row) = self.rows.get(top + usize::from(line)) else {
                break;
            };
            self.draw_row(
                ink,
                below(top_of(area, line + 1), line),
                dossier,
                row,
                needle,
            );
        }
    }

    fn draw_row(&self, ink: &mut Ink<'_>, area: Rect, dossier: &Dossier, row: Row, needle: &str) {
        let glyphs = ink.glyphs();
        let text = right_of(area, GUTTER as u16);
        let gutter = |ink: &mut Ink<'_>, label: &str, role: Role| {
            ink.put(area, 0, &format!("{label:>4}"), role);
            ink.put(right_of(area, 5), 0, glyphs.gutter, Role::Faint);
        };
        match row {
            Row::Text { line, start, end } => {
                let found = dossier
                    .page
                    .findings
                    .iter()
                    .filter(|f| f.span.line == line)
                    .map(|f| f.severity)
                    .max();
                let role = found.map_or(Role::Dim, severity_role);
                let label = if start == 0 {
                    line.to_string()
                } else {
                    glyphs.wrapped.to_owned()
                };
                gutter(ink, &label, role);
                let whole = dossier.lines.get(line as usize - 1);
                let shown = &whole[start as usize..end as usize];
                let spans = match needle {
                    "" => coloured(whole, start as usize, end as usize),
                    needle => highlighted(shown, needle, Role::Text),
                };
                ink.line(text, 0, &spans);
            }
            Row::Mark { finding, from, to } => {
                gutter(ink, "", Role::Dim);
                let role = severity_role(dossier.page.findings[finding as usize].severity);
                let mark = glyphs.under.repeat(usize::from(to - from));
                ink.put(right_of(text, from), 0, &mark, role);
            }
            Row::Finding { finding, part } => {
                let finding = &dossier.page.findings[finding as usize];
                let role = severity_role(finding.severity);
                gutter(
                    ink,
                    if part == 0 {
                        severity_glyph(ink, finding.severity)
                    } else {
                        ""
                    },
                    role,
                );
                let whole = said(finding);
                let rows = wrap(&whole, self.width.saturating_sub(2));
                ink.put(text, 0, rows.get(usize::from(part)).unwrap_or(&""), role);
            }
            Row::Help { finding, part } => {
                gutter(ink, "", Role::Dim);
                let whole = crate::logs::sanitise(&dossier.page.findings[finding as usize].help);
                let rows = wrap(&whole, self.width.saturating_sub(2));
                ink.put(
                    text,
                    0,
                    rows.get(usize::from(part)).unwrap_or(&""),
                    Role::Dim,
                );
            }
            Row::Change { change, from, to } => {
                let change = &changes_of(dossier)[change as usize];
                let (role, strong) = match change.sign {
                    '+' => (Role::Added, Role::AddedStrong),
                    '-' => (Role::Removed, Role::RemovedStrong),
                    _ => (Role::Text, Role::Text),
                };
                let label = if from == 0 {
                    change.number.to_string()
                } else {
                    glyphs.wrapped.to_owned()
                };
                ink.put(area, 0, &format!("{label:>4}"), Role::Dim);
                ink.put(right_of(area, 5), 0, &change.sign.to_string(), role);
                let spans: Line<'_> = change
                    .parts
                    .iter()
                    .map(|(marked, text)| span(text.as_str(), if *marked { strong } else { role }))
                    .collect();
                ink.line(text, 0, &slice(&spans, from as usize, to as usize));
            }
            Row::Quiet { lines } => {
                let words = if lines == 1 { "line" } else { "lines" };
                let said = format!(
                    "{} {lines} {words} of which nothing is said (space)",
                    glyphs.cut
                );
                ink.put(text, 0, &said, Role::Faint);
            }
            Row::Same { lines } => {
                let words = if lines == 1 {
                    "unchanged line"
                } else {
                    "unchanged lines"
                };
                ink.put(
                    text,
                    0,
                    &format!("{} {lines} {words}", glyphs.cut),
                    Role::Faint,
                );
            }
        }
    }
}

fn changes_of(dossier: &Dossier) -> &[Change] {
    dossier.changes.as_deref().unwrap_or_default()
}

/// What a finding says on its own row.
fn said(finding: &crate::model::Finding) -> String {
    let text = format!(
        "{} {}: {}",
        finding.severity.word(),
        finding.rule,
        finding.message
    );
    crate::logs::sanitise(&text).into_owned()
}

/// What a severity is to the eye.
pub(super) const fn severity_role(severity: Severity) -> Role {
    match severity {
        Severity::Block => Role::Bad,
        Severity::Warn => Role::Warn,
        Severity::Advice => Role::Busy,
    }
}

/// The mark of a severity.
pub(super) const fn severity_glyph(ink: &Ink<'_>, severity: Severity) -> &'static str {
    match severity {
        Severity::Block => ink.glyphs().bad,
        Severity::Warn => ink.glyphs().warn,
        Severity::Advice => ink.glyphs().advice,
    }
}

/// Byte ranges of the parts of `text` that fit `width` columns each. Code breaks anywhere: nothing of it is dropped.
fn hard_parts(text: &str, width: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut start = 0;
    while columns(&text[start..]) > width {
        let fits = prefix(&text[start..], width);
        if fits == 0 {
            break;
        }
        parts.push((start, start + fits));
        start += fits;
    }
    parts.push((start, text.len()));
    parts
}

/// The columns from `from` to `to` of a line.
fn slice<'a>(spans: &'a [crate::tui::ink::Span<'a>], from: usize, to: usize) -> Line<'a> {
    let mut passed = 0;
    let mut kept = Vec::new();
    for part in spans {
        let wide = columns(&part.text);
        let (begin, end) = (
            from.saturating_sub(passed),
            to.saturating_sub(passed).min(wide),
        );
        passed += wide;
        if begin >= wide || end <= begin {
            continue;
        }
        let text = crate::tui::ink::after(&part.text, begin);
        let text = &text[..prefix(text, end - begin)];
        kept.push(span(text, part.role));
    }
    kept
}

/// A light hand of colour: comments, and the instruction that a line begins with.
fn coloured(whole: &str, start: usize, end: usize) -> Line<'_> {
    let shown = &whole[start..end];
    let indent = whole.len() - whole.trim_start().len();
    let word = whole[indent..]
        .split_whitespace()
        .next()
        .unwrap_or_default();
    if word.starts_with('#') {
        return vec![span(shown, Role::Comment)];
    }
    if start == 0 && INSTRUCTIONS.contains(&word) {
        let split = (indent + word.len()).min(end);
        return vec![
            span(&whole[..split], Role::Keyword),
            span(&whole[split..end], Role::Text),
        ];
    }
    vec![span(shown, Role::Text)]
}

/// Written as everybody writes them; a lower-case one stays plain, which harms nobody.
const INSTRUCTIONS: &[&str] = &[
    "FROM",
    "ARG",
    "ENV",
    "RUN",
    "COPY",
    "ADD",
    "CMD",
    "ENTRYPOINT",
    "WORKDIR",
    "USER",
    "LABEL",
    "EXPOSE",
    "VOLUME",
    "HEALTHCHECK",
    "SHELL",
    "STOPSIGNAL",
    "ONBUILD",
    "MAINTAINER",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_keeps_roles_and_columns() {
        let spans = [span("ab漢", Role::Text), span("cd", Role::Match)];
        assert_eq!(
            slice(&spans, 1, 5),
            [span("b漢", Role::Text), span("c", Role::Match)]
        );
    }

    #[test]
    fn code_is_broken_without_loss() {
        assert_eq!(hard_parts("abcdef", 4), [(0, 4), (4, 6)]);
        assert_eq!(hard_parts("", 4), [(0, 0)]);
    }
}
