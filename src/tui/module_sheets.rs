//! What is kept beside a module, as rows: its packages, how it was made, its layers, what the scanner says today.

use serde_json::Value;

use super::desk::{Sheet, SheetEntry};
use super::figures::{bytes, count, vulnerability};
use super::theme::Role;
use super::widgets::chart::Chart;
use crate::pipeline::{ModuleFindings, ModuleLayer};

/// The packages of a CycloneDX bill that was verified.
pub fn packages(bill: &Value) -> Sheet {
    let none = Vec::new();
    let components = bill["components"].as_array().unwrap_or(&none);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = components.iter().map(|component| {
        let role = match component["type"].as_str() {
            Some("operating-system") => Role::Strong,
            _ => Role::Text,
        };
        let name = format!(
            "{:<36} {}",
            text(&component["name"]),
            text(&component["version"])
        );
        SheetEntry::new(&name, role)
    });
    Sheet {
        title: format!(
            "Bill of materials, {}, signature verified",
            count(components.len() as u64, "component")
        ),
        entries: rows.collect(),
    }
}

/// A SLSA provenance that was verified, as JSON indents it.
pub fn provenance(predicate: &Value) -> Sheet {
    let text = serde_json::to_string_pretty(predicate).unwrap_or_default();
    let rows = text.lines().map(|line| SheetEntry::new(line, Role::Text));
    Sheet {
        title: "Provenance, signature verified".into(),
        entries: rows.collect(),
    }
}

/// The layers, the lowest first, as bars.
pub fn layers(layers: &[ModuleLayer]) -> Sheet {
    let whole = layers
        .iter()
        .map(|layer| layer.bytes)
        .max()
        .unwrap_or_default();
    let all: u64 = layers.iter().map(|layer| layer.bytes).sum();
    let rows = layers.iter().map(|layer| {
        SheetEntry::new(&layer.made_by, Role::Text).chart(Chart::Bar {
            part: layer.bytes,
            whole,
            figures: bytes(layer.bytes),
        })
    });
    Sheet {
        title: format!("{}, {}", count(layers.len() as u64, "layer"), bytes(all)),
        entries: rows.collect(),
    }
}

/// What the scanner finds today, first what it did not find when the image was published.
pub fn findings(findings: &ModuleFindings) -> Sheet {
    let mut entries = vec![match findings.new.len() {
        0 => SheetEntry::new("nothing new since it was published", Role::Good),
        n => {
            let text = format!("{} since it was published", count(n as u64, "finding"));
            SheetEntry::new(&text, Role::Bad)
        }
    }];
    let parts = [
        ("", &findings.new, Role::Bad),
        ("known before", &findings.known, Role::Text),
    ];
    for (title, of, role) in parts {
        if !title.is_empty() && !of.is_empty() {
            entries.push(SheetEntry::new(
                &format!("{title}: {}", of.len()),
                Role::Strong,
            ));
        }
        entries.extend(of.iter().map(|found| {
            let text = format!("  {}", vulnerability(found));
            SheetEntry::new(&text, role)
        }));
    }
    Sheet {
        title: "Findings by the data of today".into(),
        entries,
    }
}
