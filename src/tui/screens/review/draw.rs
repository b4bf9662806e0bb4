//! How the review looks.

use ratatui::layout::Rect;

use super::source::{severity_glyph, severity_role};
use super::{Pane, Parts, Review};
use crate::model::view::ReviewPage;
use crate::model::{Finding, Severity};
use crate::tui::figures::{age, bytes, count, state_glyph, state_role};
use crate::tui::ink::{Ink, below, columns, inset, left_of, right_of, span, top_of, wrap};
use crate::tui::screens::{Scene, placard};
use crate::tui::theme::Role;

impl Review {
    /// Where the parts are. Wide terminals show all at once, narrow ones a pane at a time.
    pub(super) fn parts(&self, body: Rect) -> Parts {
        let summary = top_of(body, 2);
        let rest = below(body, 2);
        if body.width < 110 {
            let pane = below(rest, 1);
            return Parts {
                summary,
                tabs: top_of(rest, 1),
                source: pane,
                findings: inset(pane, 1, 0),
                facts: inset(pane, 1, 0),
                ..Parts::default()
            };
        }
        let side = (body.width * 2 / 5).clamp(40, 72);
        let left = left_of(rest, body.width - side);
        let right = right_of(rest, body.width - side);
        let wanted = self.findings_height(right.width);
        let findings = wanted.clamp(1, (right.height / 2).max(1));
        let lower = below(right, findings + 2);
        Parts {
            summary,
            tabs: top_of(left, 1),
            source: below(left, 1),
            findings_head: top_of(right, 1),
            findings: inset(top_of(below(right, 1), findings), 1, 0),
            facts_head: top_of(lower, 1),
            facts: inset(below(lower, 1), 1, 0),
            wide: true,
        }
    }

    fn findings_height(&self, width: u16) -> u16 {
        let Some(dossier) = &self.dossier else {
            return 1;
        };
        let rows: usize = dossier
            .page
            .findings
            .iter()
            .enumerate()
            .take(100)
            .map(|(n, finding)| self.finding_rows(n, finding, width.saturating_sub(2)).len())
            .sum();
        u16::try_from(rows).unwrap_or(u16::MAX)
    }

    /// The rows of a finding below its first one; none while it is folded.
    pub(super) fn finding_rows(&self, n: usize, finding: &Finding, width: u16) -> Vec<String> {
        let mut rows = vec![String::new()];
        if self.unfolded.contains(&n) {
            let first = usize::from(width.saturating_sub(if width < 60 { 22 } else { 27 }));
            let whole = columns(&crate::logs::sanitise(&finding.message)) <= first;
            let message = if whole { "" } else { &*finding.message };
            for text in [message, &finding.help]
                .into_iter()
                .filter(|t| !t.is_empty())
            {
                let clean = crate::logs::sanitise(text);
                rows.extend(
                    wrap(&clean, usize::from(width).saturating_sub(6))
                        .iter()
                        .map(|r| (*r).to_owned()),
                );
            }
        }
        rows
    }

    pub(super) fn draw_all(&self, ink: &mut Ink<'_>, scene: Scene) {
        let Some(id) = self.id else {
            placard(
                ink,
                scene.body,
                "Nothing to review is chosen",
                Role::Strong,
                "Choose a submission in the queue (1) and press enter.",
            );
            return;
        };
        let Some(dossier) = &self.dossier else {
            match &self.error {
                Some(error) => placard(
                    ink,
                    scene.body,
                    &format!("#{id} can't be read"),
                    Role::Bad,
                    error,
                ),
                None => placard(ink, scene.body, &format!("Reading #{id}"), Role::Dim, ""),
            }
            return;
        };
        let parts = self.parts(scene.body);
        draw_summary(ink, parts.summary, &dossier.page, scene);
        self.draw_tabs(ink, parts);
        if parts.wide || self.pane == Pane::Source {
            if dossier.lines.len() == 0 && dossier.page.findings.is_empty() {
                placard(
                    ink,
                    parts.source,
                    "No Dockerfile",
                    Role::Strong,
                    "The context has none, or an empty one.",
                );
            }
            match self.asides.last() {
                Some(aside) => aside.draw(ink, parts.source),
                None => self
                    .source
                    .draw(ink, parts.source, dossier, self.at.top, &self.search),
            }
        }
        if parts.wide || self.pane == Pane::Findings {
            self.draw_findings(ink, parts.findings, &dossier.page.findings);
        }
        if parts.wide || self.pane == Pane::Facts {
            for row in 0..parts.facts.height {
                if let Some(line) = self.facts.get(self.facts_at.top + usize::from(row)) {
                    ink.line(parts.facts, row, line);
                }
            }
        }
    }

    fn draw_tabs(&self, ink: &mut Ink<'_>, parts: Parts) {
        let findings = self.dossier.as_ref().map_or(0, |d| d.page.findings.len());
        let role = |pane: Pane| {
            if pane == self.pane {
                Role::Accent
            } else {
                Role::Dim
            }
        };
        let title = self.asides.last().map(super::aside::Aside::title);
        let source = match &title {
            Some(title) => title.as_str(),
            None if self.diff => "Changes",
            None => "Dockerfile",
        };
        let findings = match findings {
            0 => "Findings".into(),
            n => format!("Findings {n}"),
        };
        if parts.wide {
            ink.rule(parts.tabs, 0, &[span(source, role(Pane::Source))]);
            ink.rule(
                parts.findings_head,
                0,
                &[span(findings, role(Pane::Findings))],
            );
            ink.rule(parts.facts_head, 0, &[span("Facts", role(Pane::Facts))]);
        } else {
            let gap = || span("   ", Role::Faint);
            ink.rule(
                parts.tabs,
                0,
                &[
                    span(source, role(Pane::Source)),
                    gap(),
                    span(findings, role(Pane::Findings)),
                    gap(),
                    span("Facts", role(Pane::Facts)),
                ],
            );
        }
        let rows = self.source.rows.len();
        let height = usize::from(parts.source.height);
        if self.asides.is_empty() && rows > height && (parts.wide || self.pane == Pane::Source) {
            let percent = (self.at.top + height).min(rows) * 100 / rows;
            ink.right(
                left_of(parts.tabs, parts.tabs.width - 2),
                0,
                &[span(format!(" {percent}% "), Role::Dim)],
            );
        }
    }

    fn draw_findings(&self, ink: &mut Ink<'_>, area: Rect, findings: &[Finding]) {
        if findings.is_empty() {
            ink.line(
                area,
                0,
                &[
                    span(ink.glyphs().good, Role::Good),
                    span(" lint found nothing", Role::Text),
                ],
            );
            return;
        }
        let mut line = 0;
        for (n, finding) in findings.iter().enumerate().skip(self.finding.top) {
            if line >= area.height {
                break;
            }
            let rows = self.finding_rows(n, finding, area.width);
            let row = below(top_of(area, line + 1), line);
            let role = severity_role(finding.severity);
            let place = match (finding.span.line, area.width < 60) {
                (0, true) => format!("{:<4} ", ""),
                (0, false) => format!("{:<9} ", "beside"),
                (line, true) => format!(":{line:<3} "),
                (line, false) => format!("line {line:<4} "),
            };
            let fold = ink.glyphs().folds[usize::from(rows.len() > 1)];
            ink.line(
                row,
                0,
                &[
                    span(format!("{fold} "), Role::Dim),
                    span(
                        format!(
                            "{} {:<6} ",
                            severity_glyph(ink, finding.severity),
                            finding.severity.word()
                        ),
                        role,
                    ),
                    span(format!("{:<6} ", finding.rule), Role::Strong),
                    span(place, Role::Dim),
                    span(finding.message.as_str(), Role::Text),
                ],
            );
            if n == self.finding.at {
                let chosen = if self.pane == Pane::Findings {
                    Role::Selected
                } else {
                    Role::SelectedAside
                };
                ink.tint(row, chosen);
            }
            line += 1;
            for text in &rows[1..] {
                ink.put(right_of(area, 4), line, text, Role::Dim);
                line += 1;
            }
        }
    }
}

fn draw_summary(ink: &mut Ink<'_>, area: Rect, page: &ReviewPage, scene: Scene) {
    let row = &page.submission;
    let area = inset(area, 1, 0);
    let glyphs = ink.glyphs();
    let dot = glyphs.dot;
    let mark = state_glyph(glyphs, row.state);
    let used = ink.right(
        area,
        0,
        &[span(format!("{mark} {}", row.state), state_role(row.state))],
    );
    let mut came = format!(", {} ago", age(scene.now, row.created_at));
    if let Some(lease) = &row.claim {
        came += &format!(" {dot} {} reads it", lease.holder);
    }
    ink.line(
        left_of(area, area.width.saturating_sub(used + 1)),
        0,
        &[
            span(format!("#{} ", row.id), Role::Dim),
            span(row.slug.as_str(), Role::Strong),
            span("  from ", Role::Dim),
            span(row.submitter.0.as_str(), Role::Text),
            span(came, Role::Dim),
        ],
    );
    let mut spans = Vec::new();
    for severity in [Severity::Block, Severity::Warn, Severity::Advice] {
        let n = page
            .findings
            .iter()
            .filter(|f| f.severity == severity)
            .count();
        if n > 0 {
            let text = format!("{} {n} {}", severity_glyph(ink, severity), severity.word());
            spans.push(span(text, severity_role(severity)));
            spans.push(span("  ", Role::Dim));
        }
    }
    if spans.is_empty() {
        spans.push(span(format!("{} lint is clean", glyphs.good), Role::Good));
        spans.push(span("  ", Role::Dim));
    }
    if row.state == crate::model::State::Pending
        && super::super::deciding::obstacles(page).is_none()
    {
        let blocked = page.findings.iter().any(|f| f.severity == Severity::Block);
        spans.push(match blocked {
            false => span(format!("{} can be approved", glyphs.good), Role::Good),
            true => span(format!("{} with grants", glyphs.warn), Role::Warn),
        });
        spans.push(span("  ", Role::Dim));
    }
    let pinned = page.pins.iter().filter(|p| p.digest.is_some()).count();
    let mut facts = vec![
        format!(" {}", bytes(row.context_bytes)),
        match page.pins.len() {
            0 => "no base".to_owned(),
            n if n == pinned => format!("{} pinned", count(n as u64, "base")),
            n => format!("{pinned} of {} pinned", count(n as u64, "base")),
        },
    ];
    if page.approvals.needed > 1 && row.state == crate::model::State::Pending {
        facts.push(format!(
            "{} of {} approvals",
            page.approvals.by.len(),
            page.approvals.needed
        ));
    }
    if let Some((id, changes)) = page
        .previous
        .as_ref()
        .and_then(|p| Some((p.id, p.changes.as_ref()?)))
    {
        facts.insert(
            0,
            format!(
                " since #{id}: {} resolved, {} new, {}",
                changes.resolved.len(),
                changes.new.len(),
                count(changes.files.count(), "file")
            ),
        );
    }
    if row.wishes.requires_network {
        facts.push("asks for network".into());
    }
    if let Some(minutes) = row.wishes.time_limit_minutes {
        facts.push(format!("asks for {minutes} min"));
    }
    if row.wishes.base.is_some() {
        facts.push("asks for a base".into());
    }
    spans.push(span(facts.join(&format!(" {dot} ")), Role::Dim));
    ink.line(area, 1, &spans);
}
