//! Looks by role: code says what a text is, a theme says how that looks.
//!
//! Themes are data, `themes/*.toml`: compiled in, or of somebody's own. Nothing but this file knows a colour.

use std::collections::HashMap;
use std::path::PathBuf;

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Deserializer};

use super::glyphs::{ASCII, UNICODE};
use crate::logs::{Sgr, SgrColour};

pub use super::glyphs::Glyphs;

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident $name:literal,)*) => {
        /// What a text is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role {
            $($(#[$doc])* $role,)*
        }

        impl Role {
            /// Every role with its name in a theme's file.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$role, $name),)*];
        }
    };
}

roles! {
    /// Plain text.
    Text "text",
    /// Text that matters less: labels, units, line numbers.
    Dim "dim",
    /// Lines and frames.
    Faint "faint",
    /// Text that matters more: names, headings.
    Strong "strong",
    /// What leads the eye: the chosen tab, marks, focus.
    Accent "accent",
    /// The bar at the top.
    Bar "bar",
    /// The screen that is shown, in the bar.
    BarActive "bar-active",
    /// A key in the footer.
    Key "key",
    /// The chosen row.
    Selected "selected",
    /// The chosen row of a pane that the keys don't belong to.
    SelectedAside "selected-aside",
    /// It went well.
    Good "good",
    /// Look at it.
    Warn "warn",
    /// It went wrong, or stands in the way.
    Bad "bad",
    /// It is going on.
    Busy "busy",
    /// It waits for somebody.
    Waiting "waiting",
    /// A line that came.
    Added "added",
    /// The part of the line that came.
    AddedStrong "added-strong",
    /// A line that went.
    Removed "removed",
    /// The part of the line that went.
    RemovedStrong "removed-strong",
    /// An instruction of a Dockerfile.
    Keyword "keyword",
    /// A comment.
    Comment "comment",
    /// What a search found.
    Match "match",
    /// The frame of what lies on top.
    Frame "frame",
}

/// How a role looks, as a theme's file has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Look {
    #[serde(deserialize_with = "colour")]
    fg: Option<Color>,
    #[serde(deserialize_with = "colour")]
    bg: Option<Color>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    /// Which of the colours that a build's output asks for are shown.
    #[serde(default)]
    colours: Depth,
    roles: HashMap<String, Look>,
}

/// How many colours are shown of those that a build's output asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Depth {
    /// None: weight only.
    None,
    /// The sixteen of the terminal.
    Sixteen,
    /// Any.
    #[default]
    All,
}

/// A set of looks.
#[derive(Debug, Clone)]
pub struct Theme {
    name: String,
    colours: Depth,
    styles: Vec<Style>,
    /// The marks beside words and colours.
    pub glyphs: &'static Glyphs,
}

/// Why a theme can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ThemeError {
    /// There is none of that name.
    #[error(
        "no theme is called `{name}` (there are: {known}; those of your own stand in {folder})"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
        /// Where others are looked for.
        folder: String,
    },
    /// Its file does not read.
    #[error("theme `{name}`: {why}")]
    Unreadable {
        /// Which one.
        name: String,
        /// What is wrong, with its line.
        why: String,
    },
    /// Its file leaves a role out, or has one too many.
    #[error("theme `{name}`{} has to say how each role looks, and no more: `{role}`", at(.line))]
    Role {
        /// Which one.
        name: String,
        /// The role.
        role: String,
        /// The line where it stands, if it does.
        line: Option<usize>,
    },
}

fn at(line: &Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line},"))
}

/// The themes that are compiled in.
pub const THEMES: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("sixteen", include_str!("../../themes/sixteen.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
    ("contrast", include_str!("../../themes/contrast.toml")),
    (
        "deuteranopia",
        include_str!("../../themes/deuteranopia.toml"),
    ),
    ("tritanopia", include_str!("../../themes/tritanopia.toml")),
];

/// The names of the themes that are compiled in.
pub fn names() -> Vec<&'static str> {
    THEMES.iter().map(|(name, _)| *name).collect()
}

impl Theme {
    /// The built-in theme called `name`.
    ///
    /// # Errors
    /// If there is none, or its file is not as it should be.
    pub fn named(name: &str) -> Result<Self, ThemeError> {
        Self::find(name, &[])
    }

    /// The theme called `name`: the first `name.toml` in `folders`, else the built-in one.
    ///
    /// # Errors
    /// If there is none, or its file is not as it should be.
    pub fn find(name: &str, folders: &[PathBuf]) -> Result<Self, ThemeError> {
        if let Some(path) = Self::file(name, folders) {
            let text = std::fs::read_to_string(&path).map_err(|e| ThemeError::Unreadable {
                name: name.to_owned(),
                why: format!("{}: {e}", path.display()),
            })?;
            return Self::parse(name, &text);
        }
        match THEMES.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(name, text),
            None => Err(ThemeError::Unknown {
                name: name.to_owned(),
                known: names().join(", "),
                folder: folders
                    .first()
                    .map_or_else(|| "no folder".to_owned(), |f| f.display().to_string()),
            }),
        }
    }

    /// The file in `folders` that the theme called `name` stands in, if it is one of somebody's own.
    pub fn file(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
        // A name is no path: nothing is read outside of the folders.
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        let mut files = folders
            .iter()
            .map(|folder| folder.join(format!("{name}.toml")));
        files.find(|path| plain && path.is_file())
    }

    /// Reads a theme's file.
    ///
    /// # Errors
    /// If it is not as it should be.
    pub fn parse(name: &str, text: &str) -> Result<Self, ThemeError> {
        let file: File = toml::from_str(text).map_err(|error| ThemeError::Unreadable {
            name: name.to_owned(),
            why: error.to_string(),
        })?;
        let wrong = |role: &str| ThemeError::Role {
            name: name.to_owned(),
            role: role.to_owned(),
            line: text
                .lines()
                .position(|line| line.trim_start().starts_with(role))
                .map(|at| at + 1),
        };
        if let Some(unknown) = file
            .roles
            .keys()
            .find(|key| Role::ALL.iter().all(|(_, role)| role != key))
        {
            return Err(wrong(unknown));
        }
        let styles = Role::ALL
            .iter()
            .map(|(_, role)| {
                file.roles
                    .get(*role)
                    .map(Look::style)
                    .ok_or_else(|| wrong(role))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: name.to_owned(),
            colours: file.colours,
            styles,
            glyphs: &UNICODE,
        })
    }

    /// The name of the theme that suits a terminal, by its environment: no colour where none is wanted, the sixteen
    /// colours of the terminal itself where it does not say that it has more.
    pub fn suited(variable: impl Fn(&str) -> Option<String>) -> &'static str {
        let set = |name| variable(name).is_some_and(|v| !v.is_empty());
        let depth = variable("COLORTERM").unwrap_or_default();
        if set("NO_COLOR") || variable("TERM").is_none_or(|t| t == "dumb" || t.is_empty()) {
            "mono"
        } else if depth == "truecolor" || depth == "24bit" {
            // `fg;bg`, where a terminal tells it: 7 and 15 are light grounds.
            match variable("COLORFGBG")
                .as_deref()
                .and_then(|v| v.rsplit(';').next())
            {
                Some("7" | "15") => "light",
                _ => "dark",
            }
        } else {
            "sixteen"
        }
    }

    /// With marks of ASCII only.
    #[must_use]
    pub const fn ascii(mut self) -> Self {
        self.glyphs = &ASCII;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How `role` looks in the colours that a build's output came with.
    pub fn painted(&self, role: Role, look: Sgr) -> Style {
        let colour = |colour: Option<SgrColour>| match (colour?, self.colours) {
            (_, Depth::None) => None,
            (SgrColour::Indexed(n), Depth::Sixteen) if n > 15 => None,
            (SgrColour::Rgb(..), Depth::Sixteen) => None,
            (SgrColour::Indexed(n), _) => Some(Color::Indexed(n)),
            (SgrColour::Rgb(r, g, b), _) => Some(Color::Rgb(r, g, b)),
        };
        let mut style = self.style(role);
        style.fg = colour(look.fg).or(style.fg);
        style.bg = colour(look.bg).or(style.bg);
        for (on, modifier) in [
            (look.bold, Modifier::BOLD),
            (look.dim, Modifier::DIM),
            (look.italic, Modifier::ITALIC),
            (look.underline, Modifier::UNDERLINED),
            (look.reverse, Modifier::REVERSED),
        ] {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        style
    }

    /// How `role` looks.
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }
}

/// `red`, `bright blue`, `#rrggbb`, or a number of the palette of 256.
fn colour<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Color>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse() {
        Ok(colour) => Ok(Some(colour)),
        Err(_) => Err(serde::de::Error::custom(format!(
            "`{text}` names no colour"
        ))),
    }
}

impl Look {
    fn style(&self) -> Style {
        let mut modifiers = Modifier::empty();
        modifiers.set(Modifier::BOLD, self.bold);
        modifiers.set(Modifier::DIM, self.dim);
        modifiers.set(Modifier::ITALIC, self.italic);
        modifiers.set(Modifier::UNDERLINED, self.underline);
        modifiers.set(Modifier::REVERSED, self.reverse);
        Style {
            fg: Some(self.fg.unwrap_or(Color::Reset)),
            bg: Some(self.bg.unwrap_or(Color::Reset)),
            add_modifier: modifiers,
            sub_modifier: Modifier::all() - modifiers,
            ..Style::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_knows_every_role_and_no_other() {
        for (name, _) in THEMES {
            assert_eq!(Theme::named(name).unwrap().name(), *name);
        }
        let error = Theme::named("neon").unwrap_err().to_string();
        assert_eq!(
            error,
            "no theme is called `neon` (there are: dark, light, sixteen, mono, contrast, deuteranopia, tritanopia; \
             those of your own stand in no folder)"
        );
    }

    #[test]
    fn mono_has_no_colour_and_sixteen_no_more_than_sixteen() {
        for (theme, allowed) in [("mono", 0), ("sixteen", 16)] {
            let theme = Theme::named(theme).unwrap();
            for style in &theme.styles {
                for colour in [style.fg, style.bg].into_iter().flatten() {
                    let colours = match colour {
                        Color::Reset => 0,
                        Color::Rgb(..) | Color::Indexed(16..) => 17,
                        _ => 1,
                    };
                    assert!(colours <= allowed, "{}: {colour}", theme.name());
                }
            }
        }
    }

    #[test]
    fn a_terminal_gets_no_more_than_it_says_it_can() {
        let suited = |vars: &[(&str, &str)]| {
            Theme::suited(|name| {
                vars.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert_eq!(suited(&[("TERM", "xterm-256color")]), "sixteen");
        assert_eq!(
            suited(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]),
            "dark"
        );
        let light = [
            ("TERM", "xterm"),
            ("COLORTERM", "24bit"),
            ("COLORFGBG", "0;15"),
        ];
        assert_eq!(suited(&light), "light");
        let none = [
            ("TERM", "xterm"),
            ("COLORTERM", "truecolor"),
            ("NO_COLOR", "1"),
        ];
        assert_eq!(suited(&none), "mono");
        assert_eq!(
            suited(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]),
            "mono"
        );
        assert_eq!(suited(&[]), "mono");
    }
}
