//! What is around a screen: the bar, the status line, the footer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{App, SMALLEST};
use crate::model::State;
use crate::tui::action::{Action, Context, Declared, TABLE};
use crate::tui::ink::{Ink, after, below, columns, inset, left_of, right_of, span, top_of};
use crate::tui::screens::{Screen, ScreenId};
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
        match (&self.help, self.screen) {
            (Some(help), _) => help.draw(&mut ink, scene.body),
            (None, ScreenId::Queue) => self.queue.draw(&mut ink, scene),
            (None, ScreenId::Review) => self.review.draw(&mut ink, scene),
            (None, ScreenId::Build) => self.build.draw(&mut ink, scene),
            (None, ScreenId::Catalog) => self.catalog.draw(&mut ink, scene),
        }
        if let Some(popup) = self.popups.last() {
            popup.draw(&mut ink, scene.body);
        }
        self.draw_status(&mut ink, top_of(below(whole, height - 2), 1));
        self.draw_footer(&mut ink, below(whole, height - 1));
    }

    fn draw_bar(&self, ink: &mut Ink<'_>, area: Rect) {
        ink.tint(area, Role::Bar);
        // Where it is narrow, the screens matter more than our name.
        let name = if area.width < 48 { "" } else { " flareo " };
        let mut used = ink.put(area, 0, name, Role::Bar);
        for (n, screen) in ScreenId::ALL.into_iter().enumerate() {
            let role = if screen == self.screen {
                Role::BarActive
            } else {
                Role::Bar
            };
            let text = format!(" {} {} ", n + 1, screen.context().title());
            used += ink.put(right_of(area, used), 0, &text, role);
        }
        let rest = right_of(area, used);
        ink.right(rest, 0, &[span(format!("{} ", self.who), Role::Bar)]);
    }

    fn draw_status(&self, ink: &mut Ink<'_>, area: Rect) {
        let area = inset(area, 1, 0);
        if let Some(prompt) = &self.prompt {
            let verb = match (self.commenting, self.screen) {
                (Some((_, line)), _) => format!("line {line}: "),
                (None, ScreenId::Queue | ScreenId::Catalog) => "filter ".to_owned(),
                (None, ScreenId::Review | ScreenId::Build) => "search ".to_owned(),
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
        let used = ink.right(area, 0, &[span(workers, role)]);
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
        ink.put(
            left_of(area, area.width.saturating_sub(used + 1)),
            0,
            &text,
            Role::Dim,
        );
    }

    /// What one could do next. Help and the way back are always there; the rest as far as there is room.
    fn draw_footer(&self, ink: &mut Ink<'_>, area: Rect) {
        let area = inset(area, 1, 0);
        let context = self.context();
        let on_screen = context == self.screen.context();
        let screen: &dyn Screen = match self.screen {
            ScreenId::Queue => &self.queue,
            ScreenId::Review => &self.review,
            ScreenId::Build => &self.build,
            ScreenId::Catalog => &self.catalog,
        };
        let offered = |line: &&Declared| {
            !line.label.is_empty()
                && line.contexts.contains(&context)
                && (!on_screen || screen.offers(line.action))
        };
        let last = |line: &Declared| matches!(line.action, Action::Help | Action::Back);
        let hint = |line: &Declared| {
            let label = match line.action {
                Action::Back if context == Context::Queue => "leave",
                Action::NextPane if context == Context::Queue => "all/open/done",
                Action::NextPane if context == Context::Help => "topic",
                _ => line.label,
            };
            let wide = columns(line.keys[0]) + 1 + columns(label) + 3;
            (line.keys[0], label, wide as u16)
        };
        let (kept, others): (Vec<&Declared>, Vec<&Declared>) =
            TABLE.iter().filter(offered).partition(|l| last(l));
        let mut room = (area.width + 3).saturating_sub(kept.iter().map(|line| hint(line).2).sum());
        let mut shown = Vec::new();
        for line in others {
            let (.., wide) = hint(line);
            if wide > room {
                break;
            }
            room -= wide;
            shown.push(line);
        }
        let mut used = 0;
        for (key, label, wide) in shown.into_iter().map(hint) {
            let spans = [
                span(key, Role::Key),
                span(" ", Role::Dim),
                span(label, Role::Dim),
            ];
            ink.line(right_of(area, used), 0, &spans);
            used += wide;
        }
        // At the right side they stay where they are, whatever comes and goes before them.
        let mut spans = Vec::new();
        for (n, (key, label, _)) in kept.into_iter().map(hint).enumerate() {
            let gap = if n == 0 { "" } else { "   " };
            spans.extend([span(gap, Role::Dim), span(key, Role::Key)]);
            spans.extend([span(" ", Role::Dim), span(label, Role::Dim)]);
        }
        ink.right(area, 0, &spans);
    }
}
