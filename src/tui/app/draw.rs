//! What is around a screen: the bar, the status line, the footer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{App, Asking, SMALLEST};
use crate::model::State;
use crate::tui::action::{Action, Context, Declared, TABLE};
use crate::tui::figures::age;
use crate::tui::ink::{Ink, after, below, columns, inset, left_of, right_of, span, top_of};
use crate::tui::screens::ScreenId;
use crate::tui::theme::Role;

impl App {
    /// Draws everything into a frame of the terminal's size.
    pub fn draw(&self, buffer: &mut Buffer) {
        let (width, height) = self.size;
        let whole = Rect::new(0, 0, width, height);
        let mut ink = Ink::new(buffer, &self.theme);
        if width < SMALLEST.0 || height < SMALLEST.1 {
            ink.put(whole, 0, "too small for flareo", Role::Strong);
            let text = format!(
                "{width} by {height}; {} by {} will do",
                SMALLEST.0, SMALLEST.1
            );
            ink.put(whole, 1, &text, Role::Dim);
            return;
        }
        let scene = self.scene();
        self.draw_bar(&mut ink, top_of(whole, 1));
        match &self.help {
            Some(help) => help.draw(&mut ink, scene.body),
            None => self.shown().draw(&mut ink, scene),
        }
        if let Some(popup) = self.popups.last() {
            popup.draw(&mut ink, scene.body, &self.keys);
        }
        self.draw_status(&mut ink, top_of(below(whole, height - 2), 1));
        self.draw_footer(&mut ink, below(whole, height - 1));
    }

    /// Our name where there is room for it, and the screens with their numbers: at the narrowest only that of the one
    /// that is shown in words. Each takes a column before its text.
    fn tabs(&self, width: u16) -> (&'static str, Vec<String>) {
        let (name, all) = match width {
            100.. => (" flareo ", true),
            76.. => ("", true),
            _ => ("", false),
        };
        let tab = |(n, screen): (usize, ScreenId)| match all || screen == self.screen {
            true => format!("{} {}", n + 1, screen.title()),
            false => (n + 1).to_string(),
        };
        let tabs = ScreenId::ALL.into_iter().enumerate().map(tab);
        (name, tabs.collect())
    }

    /// The screen whose tab stands at `column` of the bar.
    pub(super) fn tab_at(&self, column: u16, width: u16) -> Option<ScreenId> {
        let (name, tabs) = self.tabs(width);
        let mut end = columns(name);
        tabs.iter().zip(ScreenId::ALL).find_map(|(tab, screen)| {
            let begin = end;
            end += columns(tab) + 1;
            (begin..end).contains(&column.into()).then_some(screen)
        })
    }

    fn draw_bar(&self, ink: &mut Ink<'_>, area: Rect) {
        ink.tint(area, Role::Bar);
        let (name, tabs) = self.tabs(area.width);
        let mut used = ink.put(area, 0, name, Role::Bar);
        let mut active = None;
        for (tab, screen) in tabs.iter().zip(ScreenId::ALL) {
            let wide = ink.put(right_of(area, used), 0, &format!(" {tab}"), Role::Bar);
            if screen == self.screen {
                active = Some((used, wide));
            }
            used += wide;
        }
        if let Some((at, wide)) = active {
            ink.tint(left_of(right_of(area, at), wide + 1), Role::BarActive);
        }
        let rest = right_of(area, used + 1);
        ink.right(rest, 0, &[span(format!("{} ", self.who), Role::Bar)]);
    }

    fn draw_status(&self, ink: &mut Ink<'_>, area: Rect) {
        let area = inset(area, 1, 0);
        if let Some(prompt) = &self.prompt {
            let verb = match (&self.asking, self.screen) {
                (Asking::Comment(_, line), _) => format!("line {line}: "),
                (Asking::Save(_, Some(_)), _) => "save what matches as ".to_owned(),
                (Asking::Save(_, None), _) => "save the log as ".to_owned(),
                (Asking::Text, ScreenId::Review | ScreenId::Build) => "search ".to_owned(),
                (Asking::Text, _) => "filter ".to_owned(),
            };
            let used = ink.put(area, 0, &verb, Role::Accent);
            let place = right_of(area, used);
            // The end is where one writes.
            let room = usize::from(place.width.saturating_sub(1));
            let wide = columns(prompt.text());
            let text = after(prompt.text(), wide.saturating_sub(room));
            let used = ink.put(place, 0, text, Role::Text);
            ink.put(right_of(place, used), 0, " ", Role::Match);
            return;
        }
        if let Some(note) = &self.note {
            ink.put(area, 0, &note.text, note.role);
            return;
        }
        if !self.standing_known {
            return;
        }
        let standing = &self.queue.standing;
        let glyphs = ink.glyphs();
        let (workers, role) = match standing.workers {
            0 => (format!("{} no worker alive", glyphs.warn), Role::Warn),
            1 => (format!("{} 1 worker alive", glyphs.good), Role::Dim),
            n => (format!("{} {n} workers alive", glyphs.good), Role::Dim),
        };
        let workers = span(workers, role);
        let parts: Vec<String> = [
            State::Pending,
            State::Approved,
            State::Building,
            State::Scanning,
            State::Signing,
        ]
        .into_iter()
        .map(|state| (state, standing.count(state)))
        .filter(|(state, n)| *n > 0 || matches!(state, State::Pending))
        .map(|(state, n)| format!("{n} {state}"))
        .collect();
        let text = parts.join(&format!(" {} ", glyphs.dot));
        let database = match standing.database {
            Some((at, false)) => span(
                format!("scans by data {} old", age(self.now, at)),
                Role::Dim,
            ),
            Some((at, true)) => {
                let text = format!("{} scans by data {} old", glyphs.warn, age(self.now, at));
                span(text, Role::Warn)
            }
            None => span(format!("{} no scan data", glyphs.warn), Role::Warn),
        };
        let mut right = vec![workers];
        let batch = standing.next_batch.map(|at| {
            let text = format!("next batch in {}", age(at, self.now));
            span(text, Role::Dim)
        });
        // What there is no room for gives way: first when cron comes, then what the doctor tells too.
        let mut wide = columns(&text) + columns(&right[0].text) + 3;
        for more in [Some(database), batch].into_iter().flatten() {
            wide += columns(&more.text) + 2;
            if wide < usize::from(area.width) {
                right.splice(0..0, [more, span("  ", Role::Dim)]);
            }
        }
        let used = ink.right(area, 0, &right);
        ink.put(
            left_of(area, area.width.saturating_sub(used + 1)),
            0,
            &text,
            Role::Dim,
        );
    }

    /// What one could do next, with its key, its word and its width: what has its place at the left as far as there is
    /// room, and help and the way back, which are always there.
    fn hints(&self, width: u16) -> (Vec<Hint>, Vec<Hint>) {
        let context = self.context();
        let on_screen = context == self.screen.context() && self.help.is_none();
        let offered = |line: &&Declared| {
            !line.label.is_empty()
                && line.contexts.contains(&context)
                && (!on_screen || self.shown().offers(line.action))
        };
        let hint = |line: &Declared| {
            let label = match line.action {
                Action::Back if context == Context::Queue => "leave",
                Action::NextPane if context == Context::Queue => "all/open/done",
                Action::NextPane if context == Context::Help => "topic",
                _ => line.label,
            };
            let key = self.keys.keys(line.action).first()?.clone();
            let wide = columns(&key) + 1 + columns(label) + GAP;
            Some(Hint {
                action: line.action,
                key,
                label,
                wide: u16::try_from(wide).unwrap_or(u16::MAX),
            })
        };
        let (kept, others): (Vec<Hint>, Vec<Hint>) = TABLE
            .iter()
            .filter(offered)
            .filter_map(hint)
            .partition(|hint| matches!(hint.action, Action::Help | Action::Back));
        let taken: u16 = kept.iter().map(|hint| hint.wide).sum();
        let mut room = (width + GAP as u16).saturating_sub(taken);
        let fits = |hint: &Hint| match room.checked_sub(hint.wide) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        (others.into_iter().take_while(fits).collect(), kept)
    }

    /// What the footer offers at `column`.
    pub(super) fn hint_at(&self, column: u16, width: u16) -> Option<Action> {
        let width = width.saturating_sub(2);
        let column = column.checked_sub(1)?;
        let (shown, kept) = self.hints(width);
        let mut end = 0;
        let mut begin_of_kept = width + GAP as u16;
        begin_of_kept = begin_of_kept.saturating_sub(kept.iter().map(|hint| hint.wide).sum());
        let place = |end: &mut u16, hint: &Hint| {
            let begin = *end;
            *end += hint.wide;
            (begin..*end - GAP as u16)
                .contains(&column)
                .then_some(hint.action)
        };
        shown
            .iter()
            .find_map(|hint| place(&mut end, hint))
            .or_else(|| kept.iter().find_map(|hint| place(&mut begin_of_kept, hint)))
    }

    fn draw_footer(&self, ink: &mut Ink<'_>, area: Rect) {
        let area = inset(area, 1, 0);
        let (shown, kept) = self.hints(area.width);
        let spans = |hint: &Hint| {
            [
                span(hint.key.clone(), Role::Key),
                span(" ", Role::Dim),
                span(hint.label, Role::Dim),
            ]
        };
        let mut used = 0;
        for hint in &shown {
            ink.line(right_of(area, used), 0, &spans(hint));
            used += hint.wide;
        }
        // At the right side they stay where they are, whatever comes and goes before them.
        let mut right = Vec::new();
        for (n, hint) in kept.iter().enumerate() {
            right.push(span(if n == 0 { "" } else { "   " }, Role::Dim));
            right.extend(spans(hint));
        }
        ink.right(area, 0, &right);
    }
}

/// Columns between two hints.
const GAP: usize = 3;

/// Something that the footer offers.
struct Hint {
    action: Action,
    key: String,
    label: &'static str,
    /// Its columns, with the gap after it.
    wide: u16,
}
