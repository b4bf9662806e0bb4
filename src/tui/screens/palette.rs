//! Everything that can be done at a place, found by its name.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use super::popup::middle;
use crate::tui::action::{Action, Context, TABLE};
use crate::tui::ink::{Ink, below, columns, left_of, right_of, span, top_of};
use crate::tui::keymap::Keymap;
use crate::tui::theme::{Role, names};
use crate::tui::widgets::cursor::Cursor;
use crate::tui::widgets::prompt::Prompt;

/// Something that the palette offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// What a key would do.
    Act(Action),
    /// Another look.
    Theme(&'static str),
}

impl Offer {
    fn name(self) -> String {
        match self {
            Self::Act(action) => action.declared().name.to_owned(),
            Self::Theme(name) => format!("theme {name}"),
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Act(action) => TABLE[action as usize].help,
            Self::Theme(_) => "look like this until the console ends",
        }
    }
}

/// The palette, open over a place.
#[derive(Debug)]
pub struct Palette {
    /// What is being written.
    pub prompt: Prompt,
    all: Vec<Offer>,
    found: Vec<Offer>,
    cursor: Cursor,
}

/// Rows of it that are shown at most.
const ROWS: u16 = 14;

impl Palette {
    /// What can be done at `context`; `offers` tells whether an action would do anything there.
    pub fn over(context: Context, offers: &dyn Fn(Action) -> bool) -> Self {
        let here = TABLE.iter().filter(|line| {
            line.contexts.contains(&context)
                && line.action != Action::Palette
                && offers(line.action)
        });
        let mut all: Vec<Offer> = here.map(|line| Offer::Act(line.action)).collect();
        // What belongs to the place stands before what works everywhere, as movements do.
        all.sort_by_key(|offer| match offer {
            Offer::Act(action) => action.declared().contexts.len(),
            Offer::Theme(_) => usize::MAX,
        });
        all.extend(names().into_iter().map(Offer::Theme));
        Self {
            prompt: Prompt::default(),
            found: all.clone(),
            all,
            cursor: Cursor::default(),
        }
    }

    /// Takes a key that belongs to what is being written.
    pub fn key(&mut self, key: KeyEvent) {
        if self.prompt.key(key) {
            self.written();
        }
    }

    /// What is written has changed: what fits stands best first.
    pub fn written(&mut self) {
        let text = self.prompt.text().to_lowercase();
        let mut fitting: Vec<(u32, Offer)> = self
            .all
            .iter()
            .filter_map(|offer| Some((fits(&offer.name(), offer.help(), &text)?, *offer)))
            .collect();
        // Of what fits as well, the table's order holds.
        fitting.sort_by_key(|(rank, _)| *rank);
        self.found = fitting.into_iter().map(|(_, offer)| offer).collect();
        self.cursor = Cursor::default();
    }

    /// One row up or down.
    pub fn step(&mut self, down: bool) {
        let action = if down { Action::Down } else { Action::Up };
        self.cursor.moved(action, self.found.len(), ROWS.into());
    }

    /// What is chosen.
    pub fn chosen(&self) -> Option<Offer> {
        self.found.get(self.cursor.at).copied()
    }

    /// Draws it over `body`.
    pub fn draw(&self, ink: &mut Ink<'_>, body: Rect, keys: &Keymap) {
        let rows = ROWS.min(body.height.saturating_sub(4)).max(1);
        let area = ink.frame(
            middle(body, body.width.min(78), rows + 3),
            &[span("everything that can be done here", Role::Strong)],
            Role::Frame,
        );
        let used = ink.put(area, 0, ":", Role::Accent);
        let place = right_of(area, used);
        let used = ink.put(place, 0, self.prompt.text(), Role::Text);
        ink.put(right_of(place, used), 0, " ", Role::Match);
        let list = below(area, 1);
        if self.found.is_empty() {
            ink.put(list, 0, "nothing is called so", Role::Dim);
        }
        let mut cursor = self.cursor;
        cursor.settle(self.found.len(), list.height.into());
        for line in 0..list.height {
            let at = cursor.top + usize::from(line);
            let Some(offer) = self.found.get(at) else {
                break;
            };
            let row = below(top_of(list, line + 1), line);
            ink.put(left_of(row, 21), 0, &offer.name(), Role::Strong);
            let key = match offer {
                Offer::Act(action) => keys.keys(*action).first().cloned().unwrap_or_default(),
                Offer::Theme(_) => String::new(),
            };
            let rest = right_of(row, 22);
            let wide = u16::try_from(columns(&key)).unwrap_or_default();
            let help = left_of(rest, rest.width.saturating_sub(wide + 1));
            ink.put(help, 0, offer.help(), Role::Dim);
            ink.right(rest, 0, &[span(key, Role::Key)]);
            if at == cursor.at {
                ink.tint(row, Role::Selected);
            }
        }
    }
}

/// How well an offer fits what is written, 0 best; none if it does not fit.
fn fits(name: &str, help: &str, text: &str) -> Option<u32> {
    if text.is_empty() || name.starts_with(text) {
        return Some(0);
    }
    if name
        .split(['.', ' ', '-'])
        .any(|word| word.starts_with(text))
    {
        return Some(1);
    }
    if name.contains(text) {
        return Some(2);
    }
    if text
        .split_whitespace()
        .all(|word| help.to_lowercase().contains(word))
    {
        return Some(3);
    }
    // The letters in their order, as in `rvap` for `review.approve`.
    let mut letters = name.chars();
    text.chars()
        .all(|wanted| letters.any(|letter| letter == wanted))
        .then_some(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut palette = Palette::over(Context::Review, &|_| true);
        palette.prompt.insert(text);
        palette.written();
        palette.found.iter().map(|offer| offer.name()).collect()
    }

    #[test]
    fn what_is_meant_stands_first() {
        assert_eq!(found("review.ap")[0], "review.approve");
        assert_eq!(found("approve")[0], "review.approve");
        assert_eq!(found("rvap")[0], "review.approve");
        assert_eq!(found("clipboard")[0], "copy");
        assert_eq!(found("theme tri")[0], "theme tritanopia");
        assert!(found("zzz").is_empty());
    }

    #[test]
    fn it_offers_what_can_be_done_there_and_nothing_else() {
        let names = found("");
        assert!(names.contains(&"review.reject".to_owned()));
        assert!(!names.contains(&"queue.sort".to_owned()));
        assert!(!names.contains(&"palette".to_owned()));
    }
}
