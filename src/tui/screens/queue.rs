//! The queue: every submission, a row each, and what is to be known of the chosen one.

use ratatui::layout::Rect;

use super::{Out, Scene, Screen, placard};
use crate::model::arrangement::{Narrow, Order};
use crate::model::view::QueueRow;
use crate::model::{State, SubmissionId};
use crate::tui::action::Action;
use crate::tui::desk::{Chosen, QueueFilter, QueuePage, Scope, Standing};
use crate::tui::figures::{age, count, date, ordinal, state_glyph, state_role};
use crate::tui::ink::{Ink, below, inset, left_of, right_of, span, top_of, wrap};
use crate::tui::message::{Effect, Request};
use crate::tui::theme::Role;
use crate::tui::widgets::cursor::Cursor;
use crate::tui::widgets::window::Window;

/// Rows above the list: scopes, and the heads of the columns.
const HEAD: u16 = 2;

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    filter: QueueFilter,
    rows: Window<QueueRow>,
    cursor: Cursor,
    chosen: Option<SubmissionId>,
    /// How many rows each scope has.
    pub standing: Standing,
}

/// Where the parts are.
struct Layout {
    head: Rect,
    list: Rect,
    detail: Option<Rect>,
}

fn layout(body: Rect) -> Layout {
    let (left, detail) = if body.width >= 150 {
        // No room for notes in the list: what they say stands beside it.
        let list = left_of(body, 80);
        (list, Some(right_of(body, 81)))
    } else if body.height >= 16 {
        let rows = 6;
        (
            top_of(body, body.height - rows),
            Some(below(body, body.height - rows)),
        )
    } else {
        (body, None)
    };
    Layout {
        head: top_of(left, HEAD),
        list: below(left, HEAD),
        detail,
    }
}

impl Queue {
    /// The chosen row, if it is known.
    pub fn row(&self) -> Option<&QueueRow> {
        self.rows.row(self.cursor.at)
    }

    /// Whether there is anything to be seen of it.
    pub const fn is_known(&self) -> bool {
        self.rows.total().is_some()
    }

    /// Takes an answer.
    pub fn answered(
        &mut self,
        filter: &QueueFilter,
        offset: usize,
        result: Result<QueuePage, String>,
    ) {
        if *filter != self.filter
            || !self
                .rows
                .answer(offset, result.map(|page| (page.total, page.rows)))
        {
            return;
        }
        // The chosen row may have moved.
        if let Some(id) = self.chosen
            && let Some(at) = self.rows.find(|row| row.id == id)
        {
            self.cursor.at = at;
        }
    }

    /// Arranged and chosen as it was left.
    pub fn recalled(&mut self, filter: QueueFilter) {
        self.filter = filter;
    }

    /// How it is arranged. A text that is being written is nothing to remember.
    pub fn arranged(&self) -> QueueFilter {
        QueueFilter {
            text: String::new(),
            ..self.filter.clone()
        }
    }

    fn anew(&mut self) {
        self.rows.reset();
        self.cursor = Cursor::default();
        self.chosen = None;
    }
}

impl Screen for Queue {
    fn act(&mut self, action: Action, scene: Scene, out: &mut Out) {
        let height = layout(scene.body).list.height.into();
        if self.cursor.moved(action, self.rows.length(), height) {
            self.chosen = self.row().map(|row| row.id);
            return;
        }
        let scopes = [Scope::All, Scope::Open, Scope::Done];
        let at = scopes
            .iter()
            .position(|s| *s == self.filter.scope)
            .unwrap_or_default();
        match action {
            Action::NextPane => {
                self.filter.scope = scopes[(at + 1) % scopes.len()];
                self.anew();
            }
            Action::PreviousPane => {
                self.filter.scope = scopes[(at + scopes.len() - 1) % scopes.len()];
                self.anew();
            }
            Action::Sort => {
                self.filter.order = self.filter.order.next();
                self.anew();
            }
            Action::Narrow => {
                self.filter.narrow = self.filter.narrow.next();
                self.anew();
            }
            Action::Cancel => self.filter_by(""),
            Action::Copy => match self.row().map(|row| (row.id, row.digest)) {
                Some((_, Some(digest))) => out.copy(digest.to_string()),
                Some((id, None)) => {
                    out.warn(format!("#{id} has no image yet, so no digest to copy"));
                }
                None => {}
            },
            _ => {}
        }
    }

    fn settle(&mut self, scene: Scene, out: &mut Out) {
        let height = layout(scene.body).list.height.into();
        if self.rows.total().is_some() {
            self.cursor.settle(self.rows.length(), height);
        }
        if self.chosen.is_none() {
            self.chosen = self.row().map(|row| row.id);
        }
        if let Some(offset) = self.rows.question(self.cursor.top, height) {
            out.effects.push(Effect::Ask(Request::Queue {
                filter: self.filter.clone(),
                offset,
            }));
        }
    }

    fn outdate(&mut self) {
        self.rows.outdate();
    }

    fn filter_by(&mut self, text: &str) {
        if self.filter.text != text {
            text.clone_into(&mut self.filter.text);
            self.anew();
        }
    }

    fn chosen(&self) -> Option<Chosen> {
        self.chosen.map(|id| Chosen {
            key: id.to_string(),
            at: self.cursor.at,
        })
    }

    fn choose(&mut self, chosen: &Chosen) {
        self.chosen = chosen.key.parse().ok();
        self.cursor = Cursor::at(chosen.at);
    }

    fn click(&mut self, column: u16, line: u16, scene: Scene) -> bool {
        let area = layout(scene.body).list;
        let there = self.cursor.click(area, column, line, self.rows.length());
        if there {
            self.chosen = self.row().map(|row| row.id);
        }
        there
    }

    fn offers(&self, action: Action) -> bool {
        match action {
            // Copying stays offered whatever the row: a footer that changes with every move distracts.
            Action::Open | Action::Copy => self.row().is_some(),
            _ => true,
        }
    }

    fn draw(&self, ink: &mut Ink<'_>, scene: Scene) {
        let parts = layout(scene.body);
        self.draw_scopes(ink, parts.head);
        match (self.rows.total(), self.rows.error()) {
            (None, Some(error)) => {
                placard(ink, parts.list, "The queue can't be read", Role::Bad, error);
            }
            (None, None) => placard(ink, parts.list, "Reading the queue", Role::Dim, ""),
            (Some(0), _) if !self.filter.text.is_empty() => placard(
                ink,
                parts.list,
                "Nothing matches",
                Role::Strong,
                &format!(
                    "No submission here holds \"{}\". Press esc to see all of them again.",
                    self.filter.text
                ),
            ),
            (Some(0), _) => {
                let (title, text) = match self.filter.scope {
                    Scope::All => (
                        "The queue is empty",
                        "Submissions come with `flareo publish DIR`, and wait here to be reviewed.",
                    ),
                    Scope::Open => (
                        "Nothing waits",
                        "Everything that came has been dealt with. Press tab to see it.",
                    ),
                    Scope::Done => (
                        "Nothing is done yet",
                        "What has been published, rejected or has failed will stand here.",
                    ),
                };
                placard(ink, parts.list, title, Role::Strong, text);
            }
            (Some(_), _) => {
                Columns::for_width(parts.list.width).draw_head(ink, parts.head, 1);
                self.draw_rows(ink, parts.list, scene);
                if let (Some(area), Some(row)) = (parts.detail, self.row()) {
                    draw_detail(ink, area, row, scene, area.y == parts.head.y);
                }
            }
        }
    }
}

impl Queue {
    fn draw_scopes(&self, ink: &mut Ink<'_>, area: Rect) {
        let mut spans = vec![span(" ", Role::Text)];
        for (scope, name) in [
            (Scope::All, "All"),
            (Scope::Open, "Open"),
            (Scope::Done, "Done"),
        ] {
            let role = if scope == self.filter.scope {
                Role::BarActive
            } else {
                Role::Dim
            };
            spans.push(span(
                format!(" {name} {} ", self.standing.count_of(scope)),
                role,
            ));
            spans.push(span(" ", Role::Text));
        }
        let mut arranged = Vec::new();
        if self.filter.narrow != Narrow::All {
            arranged.push(self.filter.narrow.words());
        }
        if self.filter.order != Order::Age {
            arranged.push(self.filter.order.word());
        }
        spans.push(span(arranged.join(", "), Role::Accent));
        let used = ink.line(area, 0, &spans);
        if !self.filter.text.is_empty() {
            let found = self
                .rows
                .total()
                .map_or_else(String::new, |n| format!("  {}", count(n as u64, "row")));
            ink.right(
                right_of(left_of(area, area.width - 1), used),
                0,
                &[
                    span("holding ", Role::Dim),
                    span(self.filter.text.as_str(), Role::Match),
                    span(found, Role::Dim),
                ],
            );
        }
    }

    fn draw_rows(&self, ink: &mut Ink<'_>, area: Rect, scene: Scene) {
        let columns = Columns::for_width(area.width);
        for line in 0..area.height {
            let index = self.cursor.top + usize::from(line);
            if index >= self.rows.length() {
                break;
            }
            let chosen = index == self.cursor.at;
            let row_area = below(top_of(area, line + 1), line);
            match self.rows.row(index) {
                Some(row) => columns.draw(ink, row_area, row, scene),
                None => {
                    ink.put(right_of(row_area, 3), 0, ink.glyphs().cut, Role::Faint);
                }
            }
            if chosen {
                ink.tint(row_area, Role::Selected);
                ink.put(row_area, 0, ink.glyphs().chosen, Role::Selected);
            }
        }
    }
}

/// How wide each column is; 0 leaves it out.
struct Columns {
    id: u16,
    slug: u16,
    state: u16,
    lint: u16,
    by: u16,
    age: u16,
    note: u16,
}

impl Columns {
    const fn for_width(width: u16) -> Self {
        let (id, state) = (7, 12);
        let lint = if width >= 62 { 15 } else { 0 };
        let by = if width >= 76 { 12 } else { 0 };
        let age = if width >= 48 { 6 } else { 0 };
        let left = width.saturating_sub(2 + id + state + lint + by + age);
        let slug = if left > 28 { 24 } else { left };
        Self {
            id,
            slug,
            state,
            lint,
            by,
            age,
            note: left - slug,
        }
    }

    fn draw_head(&self, ink: &mut Ink<'_>, area: Rect, row: u16) {
        let mut at = right_of(area, 2);
        for (width, title) in [
            (self.id, "    ID"),
            (self.slug, "MODULE"),
            (self.state, "STATE"),
            (self.lint, "LINT"),
            (self.by, "FROM"),
            (self.age, " AGE"),
            (self.note, "NOTE"),
        ] {
            if width > 0 {
                ink.put(left_of(at, width - 1), row, title, Role::Dim);
                at = right_of(at, width);
            }
        }
    }

    fn draw(&self, ink: &mut Ink<'_>, area: Rect, row: &QueueRow, scene: Scene) {
        let mut at = right_of(area, 2);
        let mut cell = |ink: &mut Ink<'_>, width: u16, text: &str, role: Role| {
            if width > 0 {
                ink.put(left_of(at, width - 1), 0, text, role);
                at = right_of(at, width);
            }
        };
        let mark = state_glyph(ink.glyphs(), row.state);
        cell(ink, self.id, &format!("{:>6}", row.id), Role::Dim);
        cell(ink, self.slug, row.slug.as_str(), Role::Strong);
        cell(
            ink,
            self.state,
            &format!("{mark} {}", row.state),
            state_role(row.state),
        );
        let (lint, role) = lint(row);
        cell(ink, self.lint, &lint, role);
        cell(ink, self.by, &row.submitter, Role::Text);
        cell(
            ink,
            self.age,
            &format!("{:>4}", age(scene.now, row.created_at)),
            Role::Dim,
        );
        cell(ink, self.note, &note(row), Role::Dim);
    }
}

fn lint(row: &QueueRow) -> (String, Role) {
    match (row.blocks, row.warnings) {
        (0, 0) => ("clean".into(), Role::Dim),
        (0, warnings) => (format!("{warnings} warn"), Role::Warn),
        (blocks, 0) => (format!("{blocks} block"), Role::Bad),
        (blocks, warnings) => (format!("{blocks} block {warnings} warn"), Role::Bad),
    }
}

fn note(row: &QueueRow) -> String {
    if let Some(error) = &row.error {
        error.clone()
    } else if let Some(who) = &row.claimed_by {
        format!("{who} reads it")
    } else if let Some(position) = row.position {
        format!("{} in line", ordinal(position))
    } else {
        String::new()
    }
}

/// What is to be known of a row, in as many rows as there are.
fn draw_detail(ink: &mut Ink<'_>, area: Rect, row: &QueueRow, scene: Scene, beside: bool) {
    let title = [
        span(format!("#{} ", row.id), Role::Dim),
        span(row.slug.as_str(), Role::Strong),
    ];
    if beside {
        ink.line(right_of(area, 1), 0, &title);
    } else {
        ink.rule(area, 0, &title);
    }
    let area = inset(below(area, 1), 1, 0);
    let mark = state_glyph(ink.glyphs(), row.state);
    let mut facts: Vec<(&str, String, Role)> = vec![(
        "state",
        format!(
            "{mark} {}, since {} ({})",
            row.state,
            date(row.updated_at),
            age(scene.now, row.updated_at)
        ),
        state_role(row.state),
    )];
    if let Some(error) = &row.error {
        let why = if row.state == State::Rejected {
            "reason"
        } else {
            "error"
        };
        facts.push((why, error.clone(), Role::Bad));
    }
    if let Some(position) = row.position {
        facts.push((
            "place",
            format!("{} in line to be built", ordinal(position)),
            Role::Text,
        ));
    }
    if let Some(who) = &row.claimed_by {
        facts.push(("claim", format!("{who} reads it now"), Role::Text));
    }
    facts.push((
        "from",
        format!("{}, {}", row.submitter, date(row.created_at)),
        Role::Text,
    ));
    if row.error.is_none() {
        facts.push(("lint", lint(row).0, lint(row).1));
    }
    if let Some(digest) = row.digest {
        facts.push(("image", digest.to_string(), Role::Text));
    }
    let mut line = 0;
    for (label, text, role) in facts {
        let value = right_of(area, 7);
        let clean = crate::logs::sanitise(&text);
        for (n, part) in wrap(&clean, value.width.into()).iter().enumerate() {
            if n == 0 {
                ink.put(area, line, label, Role::Dim);
            }
            ink.put(value, line, part, role);
            line += 1;
        }
    }
}
