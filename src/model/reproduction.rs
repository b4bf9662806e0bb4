//! Whether an image can be built again to the same bytes (R20), and if not, where the first difference is.

use serde::{Deserialize, Serialize};

use super::Digest;

/// What is known of an image: the label that stands in provenance and catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "label")]
pub enum Reproduction {
    /// Two builds, the second from nothing and in other surroundings, gave the same digest.
    #[serde(rename = "reproduced")]
    Reproduced,
    /// They did not.
    #[serde(rename = "not reproduced")]
    NotReproduced {
        /// The first file that differs.
        first_difference: String,
    },
    /// There was one build only.
    #[default]
    #[serde(rename = "not tried")]
    NotTried,
}

impl Reproduction {
    /// The label alone.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::NotReproduced { .. } => "not reproduced",
            Self::NotTried => "not tried",
        }
    }
}

impl std::fmt::Display for Reproduction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::NotReproduced { first_difference } => write!(f, ": {first_difference}"),
            _ => Ok(()),
        }
    }
}

/// What a second build came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The manifest of the first build.
    pub first: Digest,
    /// The manifest of the second, where it came to one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second: Option<Digest>,
    /// How the surroundings of the second differed, in words.
    pub conditions: Vec<String>,
    /// The first difference; none if both are the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub difference: Option<Difference>,
}

impl Comparison {
    /// The label that it earns.
    pub fn label(&self) -> Reproduction {
        match &self.difference {
            None => Reproduction::Reproduced,
            Some(difference) => Reproduction::NotReproduced {
                first_difference: difference.file.clone(),
            },
        }
    }

    /// What it comes to, on one line.
    pub fn line(&self) -> String {
        let Some(difference) = &self.difference else {
            return self.label().to_string();
        };
        let step = difference.step.as_ref();
        let step = step.map_or_else(String::new, |s| {
            format!(", step {}, line {}", s.step, s.line)
        });
        format!(
            "{} ({}){step}; likely cause: {}",
            self.label(),
            difference.what,
            difference.because
        )
    }
}

/// The first difference of two builds. Text of the build in it has no character that acts on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The file, from the image's root; or what else differs, in words.
    pub file: String,
    /// What of it differs, in words: `content`, `mode: 0644, then 0600`.
    pub what: String,
    /// The image's layer, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layer: Option<u32>,
    /// How many more entries of that layer differ.
    pub more: u64,
    /// The step at fault.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<StepAtFault>,
    /// The first bytes that differ.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<DifferentBytes>,
    /// What it most likely comes from.
    pub cause: Cause,
    /// That in words, with what can be done.
    pub because: String,
}

/// The step that made the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepAtFault {
    /// From 1.
    pub step: u32,
    /// The Dockerfile's line, from 1.
    pub line: u32,
    /// The instruction on one line.
    pub text: String,
}

/// Where two contents part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferentBytes {
    /// Of the first byte that differs, from 0.
    pub offset: u64,
    /// A few bytes of the first build from there; empty at its end.
    pub first: Excerpt,
    /// And of the second.
    pub second: Excerpt,
}

/// A few bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Two digits each, spaces between.
    pub hex: String,
    /// What can be printed of them; a dot for each other byte.
    pub text: String,
}

impl Excerpt {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        Self {
            hex: hex.join(" "),
            text: bytes.iter().map(shown).collect(),
        }
    }
}

/// What a difference most likely comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The time of the build.
    Timestamp,
    /// How long something took.
    Duration,
    /// A name that was drawn.
    RandomName,
    /// The order in which a folder was read, or in which things that ran side by side ended.
    Order,
    /// The name of the host.
    Hostname,
    /// How many processors there are.
    Processors,
    /// The number of a process.
    ProcessNumber,
    /// A UUID that was drawn.
    Uuid,
    /// Something else that was drawn, as a key or a seed.
    Random,
    /// The second build failed.
    BuildFailed,
    /// Nothing that is known here.
    Unknown,
}

impl Cause {
    /// The word for it, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::RandomName => "random-name",
            Self::Order => "order",
            Self::Hostname => "hostname",
            Self::Processors => "processors",
            Self::ProcessNumber => "process-number",
            Self::Uuid => "uuid",
            Self::Random => "random",
            Self::BuildFailed => "build-failed",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Comparison {
    /// Several lines, for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(difference) = &self.difference else {
            return write!(f, "reproduced: two builds gave {}", self.first);
        };
        write!(
            f,
            "not reproduced: {} ({})",
            difference.file, difference.what
        )?;
        if let Some(step) = &difference.step {
            write!(
                f,
                "\n  step {}, line {}: {}",
                step.step, step.line, step.text
            )?;
        }
        if let Some(layer) = difference.layer {
            write!(f, "\n  layer {layer} of the image")?;
            match difference.more {
                0 => {}
                1 => write!(f, ", where 1 more entry differs")?,
                more => write!(f, ", where {more} more entries differ")?,
            }
        }
        if let Some(bytes) = &difference.bytes {
            write!(f, "\n  from byte {}", bytes.offset)?;
            for (which, excerpt) in [("first", &bytes.first), ("then", &bytes.second)] {
                match excerpt.hex.as_str() {
                    "" => write!(f, "\n    {which:<5} (the end)")?,
                    hex => write!(f, "\n    {which:<5} {hex}  {}", excerpt.text)?,
                }
            }
        }
        write!(f, "\n  likely cause: {}", difference.because)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Happening;
    use crate::model::{Event, Timestamp};

    #[test]
    fn labels_are_words_in_text_and_json() {
        let all = [
            (
                Reproduction::Reproduced,
                "reproduced",
                r#"{"label":"reproduced"}"#,
            ),
            (
                Reproduction::NotReproduced {
                    first_difference: "/a".into(),
                },
                "not reproduced: /a",
                r#"{"label":"not reproduced","first_difference":"/a"}"#,
            ),
            (
                Reproduction::NotTried,
                "not tried",
                r#"{"label":"not tried"}"#,
            ),
        ];
        for (label, text, json) in all {
            assert_eq!(label.to_string(), text);
            assert_eq!(serde_json::to_string(&label).unwrap(), json);
            assert_eq!(serde_json::from_str::<Reproduction>(json).unwrap(), label);
        }
    }

    #[test]
    fn a_comparison_comes_back_from_a_spool() {
        let report = Comparison {
            first: Digest::of("a"),
            second: None,
            conditions: vec!["another folder".into()],
            difference: Some(Difference {
                file: "/when".into(),
                what: "content".into(),
                layer: Some(2),
                more: 1,
                step: Some(StepAtFault {
                    step: 3,
                    line: 4,
                    text: "RUN date > /when".into(),
                }),
                bytes: Some(DifferentBytes {
                    offset: 7,
                    first: Excerpt::of(b"1"),
                    second: Excerpt::of(b""),
                }),
                cause: Cause::Timestamp,
                because: "a timestamp".into(),
            }),
        };
        let event = Event {
            at: Timestamp::UNIX_EPOCH,
            id: None,
            slug: None,
            what: Happening::Reproduction {
                label: report.label(),
                report: Box::new(report.clone()),
            },
        };
        let line = serde_json::to_string(&event).unwrap();
        assert!(
            line.contains(r#""event":"reproduction","label":"not reproduced""#),
            "{line}"
        );
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        assert_eq!(
            report.to_string(),
            "not reproduced: /when (content)\n  step 3, line 4: RUN date > /when\n  \
             layer 2 of the image, where 1 more entry differs\n  from byte 7\n    \
             first 31  1\n    then  (the end)\n  likely cause: a timestamp"
        );
    }

    #[test]
    fn bytes_are_shown_without_harm() {
        let excerpt = Excerpt::of(b"a\x1b\xff ");
        assert_eq!(excerpt.hex, "61 1b ff 20");
        assert_eq!(excerpt.text, "a.. ");
    }
}
