//! A register: rows, and the sheet of the chosen one beside or below them.

use ratatui::layout::Rect;

use super::{Out, Scene, Screen, placard};
use crate::model::SubmissionId;
use crate::tui::action::Action;
use crate::tui::desk::{Chosen, Sheet};
use crate::tui::ink::{Ink, below, left_of, right_of, span, top_of};
use crate::tui::message::{Effect, Request};
use crate::tui::registers::{Register, RegisterPage, RegisterRow};
use crate::tui::theme::{Glyphs, Role};
use crate::tui::widgets::cursor::Cursor;
use crate::tui::widgets::sheet::SheetView;
use crate::tui::widgets::table;
use crate::tui::widgets::window::Window;

/// Which part the keys move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pane {
    #[default]
    List,
    Sheet,
}

/// A register on the screen.
#[derive(Debug)]
pub struct Listing {
    register: Register,
    filter: String,
    rows: Window<RegisterRow>,
    cursor: Cursor,
    chosen: Option<String>,
    pane: Pane,
    sheet: SheetView,
    /// What the sheet was asked for by.
    asked: Option<String>,
    /// Whose sheet is here.
    shown: Option<String>,
}

struct Layout {
    head: Rect,
    list: Rect,
    /// The line between, and the sheet.
    sheet: Option<(Rect, Rect)>,
}

impl Listing {
    /// An empty picture of `register`.
    pub fn of(register: Register) -> Self {
        Self {
            register,
            filter: String::new(),
            rows: Window::default(),
            cursor: Cursor::default(),
            chosen: None,
            pane: Pane::default(),
            sheet: SheetView::default(),
            asked: None,
            shown: None,
        }
    }

    fn layout(&self, body: Rect) -> Layout {
        let part = |list: Rect, sheet: Option<Rect>| Layout {
            head: top_of(list, 1),
            list: below(list, 1),
            sheet: sheet.map(|sheet| (top_of(sheet, 1), below(sheet, 1))),
        };
        if body.width >= 130 {
            let wide = (body.width / 2).min(100);
            let sheet = right_of(body, wide + 1);
            return part(left_of(body, wide), Some(sheet));
        }
        if body.height >= 14 {
            let rows = body.height * 2 / 5;
            let list = top_of(body, body.height - rows);
            return part(list, Some(below(body, body.height - rows)));
        }
        // Where there is no room for both, they take turns.
        match self.pane {
            Pane::List => part(body, None),
            Pane::Sheet => part(top_of(body, 0), Some(body)),
        }
    }

    /// The chosen row, if it is known.
    pub fn row(&self) -> Option<&RegisterRow> {
        self.rows.row(self.cursor.at)
    }

    /// The submission that the chosen row is about.
    pub fn about(&self) -> Option<SubmissionId> {
        self.row()?.about
    }

    /// Whether there is anything to be seen of it.
    pub const fn is_known(&self) -> bool {
        self.rows.total().is_some()
    }

    /// Takes an answer.
    pub fn answered(&mut self, text: &str, offset: usize, result: Result<RegisterPage, String>) {
        if text == self.filter
            && self
                .rows
                .answer(offset, result.map(|page| (page.total, page.rows)))
            && let Some(key) = &self.chosen
            && let Some(at) = self.rows.find(|row| row.key == *key)
        {
            self.cursor.at = at;
        }
    }

    /// Takes the sheet of a row, unless another has been chosen since.
    pub fn detailed(&mut self, key: &str, result: Result<Sheet, String>) {
        if self.asked.as_deref() != Some(key) {
            return;
        }
        // Of another row, one begins to read at the top.
        if self.shown.as_deref() != Some(key) {
            self.sheet = SheetView::default();
            self.shown = Some(key.to_owned());
        }
        self.sheet.answered(result);
    }

    fn ask(&mut self, key: String, out: &mut Out) {
        self.asked = Some(key.clone());
        let question = Request::Entry(self.register, key);
        out.effects.push(Effect::Ask(question));
    }
}

impl Screen for Listing {
    fn act(&mut self, action: Action, scene: Scene, out: &mut Out) {
        let height = self.layout(scene.body).list.height.into();
        match action {
            Action::NextPane | Action::PreviousPane => {
                self.pane = match self.pane {
                    Pane::List => Pane::Sheet,
                    Pane::Sheet => Pane::List,
                };
            }
            Action::Open => {
                if let Some(deeper) = self.row().and_then(|row| self.register.deeper(&row.key)) {
                    out.say("asking the scanner");
                    self.ask(deeper, out);
                }
            }
            Action::Copy => match self.row().map(|row| row.copy.clone()) {
                Some(Some(text)) => out.copy(text),
                Some(None) => out.warn("there is nothing to copy of it"),
                None => {}
            },
            Action::Cancel if self.pane == Pane::Sheet => self.pane = Pane::List,
            Action::Cancel => self.filter_by(""),
            _ if self.pane == Pane::Sheet => {
                self.sheet.moved(action);
            }
            _ => {
                if self.cursor.moved(action, self.rows.length(), height) {
                    self.chosen = self.row().map(|row| row.key.clone());
                }
            }
        }
    }

    fn settle(&mut self, scene: Scene, out: &mut Out) {
        let parts = self.layout(scene.body);
        let height = parts.list.height.max(1).into();
        if self.rows.total().is_some() {
            self.cursor.settle(self.rows.length(), height);
        }
        if let Some(offset) = self.rows.question(self.cursor.top, height) {
            out.effects.push(Effect::Ask(Request::Register {
                register: self.register,
                text: self.filter.clone(),
                offset,
            }));
        }
        if let Some(key) = self.row().map(|row| row.key.clone()) {
            self.chosen.get_or_insert_with(|| key.clone());
            let deeper = self.register.deeper(&key);
            let here = self
                .asked
                .as_ref()
                .is_some_and(|asked| *asked == key || Some(asked) == deeper.as_ref());
            if parts.sheet.is_some() && !here {
                self.ask(key, out);
            }
        }
        if let Some((_, area)) = parts.sheet {
            self.sheet.settle(area.height);
        }
    }

    fn outdate(&mut self) {
        self.rows.outdate();
        // What took its time to be found out is not asked for again by itself.
        let deeper = self
            .chosen
            .as_deref()
            .and_then(|key| self.register.deeper(key));
        if deeper.is_none() || self.asked != deeper {
            self.asked = None;
        }
    }

    fn filter_by(&mut self, text: &str) {
        if self.filter != text {
            text.clone_into(&mut self.filter);
            self.rows.reset();
            self.cursor = Cursor::default();
            self.chosen = None;
            self.asked = None;
        }
    }

    fn chosen(&self) -> Option<Chosen> {
        self.chosen.as_ref().map(|key| Chosen {
            key: key.clone(),
            at: self.cursor.at,
        })
    }

    fn choose(&mut self, chosen: &Chosen) {
        self.chosen = Some(chosen.key.clone());
        self.cursor = Cursor::at(chosen.at);
    }

    fn offers(&self, action: Action) -> bool {
        match action {
            Action::Copy => self.row().is_some_and(|row| row.copy.is_some()),
            Action::Open => self
                .row()
                .is_some_and(|row| row.about.is_some() || self.register.deeper(&row.key).is_some()),
            _ => true,
        }
    }

    fn click(&mut self, column: u16, line: u16, scene: Scene) -> bool {
        let parts = self.layout(scene.body);
        if let Some((_, area)) = parts.sheet
            && area.contains((column, line).into())
        {
            self.pane = Pane::Sheet;
            return self.sheet.choose(usize::from(line - area.y));
        }
        let there = self
            .cursor
            .click(parts.list, column, line, self.rows.length());
        if there {
            self.pane = Pane::List;
            self.chosen = self.row().map(|row| row.key.clone());
        }
        there
    }

    fn draw(&self, ink: &mut Ink<'_>, scene: Scene) {
        let parts = self.layout(scene.body);
        match (self.rows.total(), self.rows.error()) {
            (None, Some(error)) => {
                let title = format!("{} can't be read", self.register.title());
                placard(ink, parts.list, &title, Role::Bad, error);
            }
            (None, None) => placard(ink, parts.list, "One moment", Role::Dim, ""),
            (Some(0), _) if !self.filter.is_empty() => placard(
                ink,
                parts.list,
                "Nothing matches",
                Role::Strong,
                &format!(
                    "Nothing here holds \"{}\". Press esc to see everything again.",
                    self.filter
                ),
            ),
            (Some(0), _) => {
                let (title, text) = self.register.when_empty();
                placard(ink, parts.list, title, Role::Strong, text);
            }
            (Some(_), _) => self.draw_all(ink, &parts),
        }
    }
}

impl Listing {
    /// How wide each column is; 0 leaves it out.
    fn widths(&self, width: u16) -> Vec<u16> {
        let columns = self.register.columns();
        let shown = |column: &&crate::tui::registers::Column| width >= column.from;
        let fixed: u16 = columns.iter().filter(shown).map(|c| c.width).sum();
        let rest = width.saturating_sub(2 + fixed);
        columns
            .iter()
            .map(|column| match (width >= column.from, column.width) {
                (false, _) => 0,
                (true, 0) => rest,
                (true, fixed) => fixed,
            })
            .collect()
    }

    fn draw_all(&self, ink: &mut Ink<'_>, parts: &Layout) {
        let widths = self.widths(parts.list.width);
        let columns = self.register.columns().iter();
        let heads = columns
            .zip(&widths)
            .map(|(column, width)| (column.title, *width));
        table::heads(ink, parts.head, heads, &self.filter);
        let chosen = match self.pane {
            Pane::List => Role::Selected,
            Pane::Sheet => Role::SelectedAside,
        };
        let state = self.register.state_column();
        table::rows(
            ink,
            parts.list,
            &self.rows,
            self.cursor,
            chosen,
            &mut |ink, area, row| {
                let mut cells = row.cells.clone();
                if let Some(cell) = state.and_then(|n| cells.get_mut(n)) {
                    cell.text = format!("{} {}", mark(ink.glyphs(), cell.role), cell.text).into();
                }
                table::cells(ink, area, cells.iter().zip(widths.iter().copied()));
            },
        );
        if let Some((rule, area)) = parts.sheet {
            let title = self.sheet.sheet().map_or("", |sheet| sheet.title.as_str());
            ink.rule(rule, 0, &[span(title, Role::Strong)]);
            self.sheet.draw(ink, area, self.pane == Pane::Sheet);
        }
    }
}

/// The mark of how something stands.
const fn mark(glyphs: &Glyphs, role: Role) -> &'static str {
    match role {
        Role::Good => glyphs.good,
        Role::Warn => glyphs.warn,
        Role::Bad => glyphs.bad,
        Role::Busy => glyphs.busy,
        Role::Waiting => glyphs.waiting,
        _ => glyphs.dot,
    }
}
