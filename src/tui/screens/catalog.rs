//! The catalog: every module with its digest, and what is kept beside the chosen one.

use ratatui::layout::Rect;

use super::over::Over;
use super::{Out, Scene, Screen, placard};
use crate::model::SubmissionId;
use crate::model::reproduction::Reproduction;
use crate::model::view::ModuleRow;
use crate::tui::action::Action;
use crate::tui::desk::{Chosen, Look, ModuleDetail, ModulePage, Sheet};
use crate::tui::figures::{age, bytes, count, date, state_glyph, state_role};
use crate::tui::ink::{Ink, Span, below, inset, left_of, right_of, span, top_of, wrap};
use crate::tui::message::{Effect, Request};
use crate::tui::theme::{Glyphs, Role};
use crate::tui::widgets::cursor::Cursor;
use crate::tui::widgets::table;
use crate::tui::widgets::window::Window;

/// Rows of the detail below the list.
const DETAIL: u16 = 8;

/// The catalog.
#[derive(Debug, Default)]
pub struct Catalog {
    filter: String,
    rows: Window<ModuleRow>,
    cursor: Cursor,
    chosen: Option<SubmissionId>,
    detail: Option<(SubmissionId, Result<Box<ModuleDetail>, String>)>,
    asked: Option<SubmissionId>,
    /// What lies over the list for a while.
    over: Option<Over>,
}

struct Layout {
    head: Rect,
    list: Rect,
    detail: Option<Rect>,
}

fn layout(body: Rect) -> Layout {
    let (left, detail) = if body.width >= 150 {
        (left_of(body, 92), Some(inset(right_of(body, 94), 1, 0)))
    } else if body.height >= 18 {
        (
            top_of(body, body.height - DETAIL),
            Some(below(body, body.height - DETAIL)),
        )
    } else {
        (body, None)
    };
    Layout {
        head: top_of(left, 1),
        list: below(left, 1),
        detail,
    }
}

impl Catalog {
    /// The chosen row, if it is known.
    pub fn row(&self) -> Option<&ModuleRow> {
        self.rows.row(self.cursor.at)
    }

    /// Whether there is anything to be seen of it.
    pub const fn is_known(&self) -> bool {
        self.rows.total().is_some()
    }

    /// Takes an answer.
    pub fn answered(&mut self, text: &str, offset: usize, result: Result<ModulePage, String>) {
        if text == self.filter
            && self
                .rows
                .answer(offset, result.map(|page| (page.total, page.rows)))
            && let Some(id) = self.chosen
            && let Some(at) = self.rows.find(|row| row.submission == id)
        {
            self.cursor.at = at;
        }
    }

    /// Takes what was looked into.
    pub fn looked(&mut self, id: SubmissionId, look: &Look, result: Result<Sheet, String>) {
        if let Some(over) = &mut self.over {
            over.answered(id, look, result);
        }
    }

    /// Takes what is known of one module.
    pub fn detailed(&mut self, id: SubmissionId, result: Result<Box<ModuleDetail>, String>) {
        self.detail = Some((id, result));
    }
}

impl Screen for Catalog {
    fn act(&mut self, action: Action, scene: Scene, out: &mut Out) {
        let look = match action {
            Action::Packages => Some(Look::Packages),
            Action::Provenance => Some(Look::Provenance),
            Action::Layers => Some(Look::Layers),
            Action::Findings => Some(Look::Findings),
            _ => None,
        };
        if let (Some(look), Some(id)) = (look, self.row().map(|row| row.submission)) {
            self.over = Some(Over::ask(id, look, out));
            return;
        }
        match (&mut self.over, action) {
            (Some(_), Action::Cancel) => {
                self.over = None;
                return;
            }
            (Some(over), _) => return over.act(action),
            (None, _) => {}
        }
        let height = layout(scene.body).list.height.into();
        if self.cursor.moved(action, self.rows.length(), height) {
            self.chosen = self.row().map(|row| row.submission);
            return;
        }
        match action {
            Action::Copy => {
                if let Some(row) = self.row() {
                    out.copy(row.digest.to_string());
                }
            }
            Action::Cancel => self.filter_by(""),
            _ => {}
        }
    }

    fn settle(&mut self, scene: Scene, out: &mut Out) {
        if let Some(over) = &mut self.over {
            over.settle(scene.body);
        }
        let parts = layout(scene.body);
        let height = parts.list.height.into();
        if self.rows.total().is_some() {
            self.cursor.settle(self.rows.length(), height);
        }
        if let Some(offset) = self.rows.question(self.cursor.top, height) {
            out.effects.push(Effect::Ask(Request::Modules {
                text: self.filter.clone(),
                offset,
            }));
        }
        if let Some(id) = self.row().map(|row| row.submission) {
            self.chosen.get_or_insert(id);
            if parts.detail.is_some() && self.asked != Some(id) {
                self.asked = Some(id);
                out.effects.push(Effect::Ask(Request::Module(id)));
            }
        }
    }

    fn close(&mut self) -> bool {
        self.over.take().is_some()
    }

    fn outdate(&mut self) {
        self.rows.outdate();
        self.asked = None;
    }

    fn filter_by(&mut self, text: &str) {
        if self.filter != text {
            text.clone_into(&mut self.filter);
            self.rows.reset();
            self.cursor = Cursor::default();
            self.chosen = None;
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
        if let Some(over) = &mut self.over {
            return over.click(line, scene.body);
        }
        let area = layout(scene.body).list;
        let there = self.cursor.click(area, column, line, self.rows.length());
        if there {
            self.chosen = self.row().map(|row| row.submission);
        }
        there
    }

    fn offers(&self, action: Action) -> bool {
        match action {
            Action::Open => self.row().is_some() && self.over.is_none(),
            Action::Packages
            | Action::Provenance
            | Action::Layers
            | Action::Findings
            | Action::Copy => self.row().is_some(),
            Action::Filter => self.over.is_none(),
            _ => true,
        }
    }

    fn draw(&self, ink: &mut Ink<'_>, scene: Scene) {
        if let Some(over) = &self.over {
            let slug = self.row().map_or("", |row| row.slug.as_str());
            return over.draw(ink, scene.body, slug);
        }
        let parts = layout(scene.body);
        match (self.rows.total(), self.rows.error()) {
            (None, Some(error)) => placard(
                ink,
                parts.list,
                "The catalog can't be read",
                Role::Bad,
                error,
            ),
            (None, None) => placard(ink, parts.list, "Reading the catalog", Role::Dim, ""),
            (Some(0), _) if !self.filter.is_empty() => placard(
                ink,
                parts.list,
                "Nothing matches",
                Role::Strong,
                &format!(
                    "No module holds \"{}\". Press esc to see all of them again.",
                    self.filter
                ),
            ),
            (Some(0), _) => placard(
                ink,
                parts.list,
                "The catalog is empty",
                Role::Strong,
                "What is approved, built, scanned and signed will stand here, to be pulled by its digest.",
            ),
            (Some(_), _) => self.draw_rows(ink, &parts, scene),
        }
    }
}

impl Catalog {
    fn draw_rows(&self, ink: &mut Ink<'_>, parts: &Layout, scene: Scene) {
        let width = parts.list.width;
        let state = if width >= 56 { 12 } else { 0 };
        let size = if width >= 66 { 9 } else { 0 };
        let age_width = if width >= 74 { 6 } else { 0 };
        let (digest, signed) = (14, 10);
        let slug = width
            .saturating_sub(2 + state + size + age_width + digest + signed)
            .min(32);
        let widths = [slug, digest, signed, state, size, age_width];
        let heads = [
            "MODULE",
            "DIGEST",
            "SIGNATURE",
            "STATE",
            "    SIZE",
            "  AGE",
        ];
        table::heads(ink, parts.head, heads.into_iter().zip(widths), &self.filter);
        let (list, chosen) = (parts.list, Role::Selected);
        table::rows(
            ink,
            list,
            &self.rows,
            self.cursor,
            chosen,
            &mut |ink, area, row| {
                let cells = cells_of(row, ink.glyphs(), scene);
                table::cells(ink, area, cells.iter().zip(widths));
            },
        );
        if let (Some(area), Some(row)) = (parts.detail, self.row()) {
            let detail = self
                .detail
                .as_ref()
                .filter(|(id, _)| *id == row.submission)
                .map(|(_, d)| d);
            draw_detail(ink, area, row, detail);
        }
    }
}

fn cells_of(row: &ModuleRow, glyphs: &Glyphs, scene: Scene) -> [Span<'static>; 6] {
    let (signed, signed_role) = if row.signed {
        (format!("{} signed", glyphs.good), Role::Good)
    } else {
        (format!("{} none", glyphs.bad), Role::Bad)
    };
    let state = format!("{} {}", state_glyph(glyphs, row.state), row.state);
    [
        span(row.slug.to_string(), Role::Strong),
        span(row.digest.short(), Role::Text),
        span(signed, signed_role),
        span(state, state_role(row.state)),
        span(format!("{:>8}", bytes(row.bytes)), Role::Text),
        span(
            format!("{:>5}", age(scene.now, row.published_at)),
            Role::Dim,
        ),
    ]
}

fn draw_detail(
    ink: &mut Ink<'_>,
    area: Rect,
    row: &ModuleRow,
    detail: Option<&Result<Box<ModuleDetail>, String>>,
) {
    ink.rule(
        area,
        0,
        &[
            span(row.slug.as_str(), Role::Strong),
            span(format!(" from #{}", row.submission), Role::Dim),
        ],
    );
    let area = inset(below(area, 1), 1, 0);
    let glyphs = ink.glyphs();
    let mut facts: Vec<(&str, String, Role)> = Vec::new();
    match detail {
        Some(Ok(detail)) => {
            facts.push(("pull", detail.pull.clone(), Role::Text));
            match &detail.signature {
                Ok(key) => facts.push((
                    "signature",
                    format!("{} verified, {key}", glyphs.good),
                    Role::Good,
                )),
                Err(why) => facts.push(("signature", format!("{} {why}", glyphs.bad), Role::Bad)),
            }
        }
        Some(Err(error)) => facts.push(("error", error.clone(), Role::Bad)),
        None => facts.push(("image", row.digest.to_string(), Role::Text)),
    }
    facts.push(("published", date(row.published_at), Role::Text));
    let excepted = match row.excepted {
        0 => String::new(),
        n => format!(
            ", {} let through by an exception",
            count(n.into(), "finding")
        ),
    };
    let role = if row.excepted == 0 {
        Role::Text
    } else {
        Role::Warn
    };
    facts.push((
        "image",
        format!(
            "{} in {}, {}{excepted}",
            bytes(row.bytes),
            count(row.layers.into(), "layer"),
            count(row.packages.into(), "package")
        ),
        role,
    ));
    let (mark, role) = match row.reproduction {
        Reproduction::Reproduced => (glyphs.good, Role::Good),
        Reproduction::NotReproduced { .. } => (glyphs.bad, Role::Warn),
        Reproduction::NotTried => (glyphs.dot, Role::Dim),
    };
    facts.push(("rebuilt", format!("{mark} {}", row.reproduction), role));
    if let Some(Ok(detail)) = detail {
        let kept: Vec<&str> = detail
            .module
            .attachments
            .iter()
            .map(|kept| kept.kind.word())
            .collect();
        if !kept.is_empty() {
            facts.push((
                "beside it",
                kept.join(&format!(" {} ", glyphs.dot)),
                Role::Dim,
            ));
        }
    }
    let mut line = 0;
    for (label, text, role) in facts {
        let value = right_of(area, 11);
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
