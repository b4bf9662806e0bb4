//! The demo: the same every time, and each of its scenes as it should look.

use flareo::demo::{self, Ending, Scene, Stage};

use crate::support::{FLAREO, can_build};

fn play(width: u16, height: u16) -> Option<(Vec<Ending>, Vec<Scene>)> {
    let folder = tempfile::tempdir().unwrap();
    let stage = match Stage::seed_in(folder.path(), true, FLAREO.into()) {
        Ok(stage) => stage,
        Err(error @ demo::DemoError::Base(_)) => {
            println!("skipped: {error}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let mut scenes = Vec::new();
    let endings = demo::play(&stage, width, height, &mut |scene| scenes.push(scene)).unwrap();
    Some((endings, scenes))
}

/// Digests and sizes are those of the host's own tools: other hosts have other ones, of the same length.
fn snapshot_settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Takes out of a frame what belongs to the host, keeping every column where it is.
fn of_any_host(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest
            .chars()
            .take_while(|c| matches!(c, '0'..='9' | 'a'..='f'))
            .count();
        let has_digit = rest[..run].chars().any(|c| c.is_ascii_digit());
        if run >= 8 && has_digit {
            out.push_str(&"#".repeat(run));
            rest = &rest[run..];
            continue;
        }
        let step = run.max(1);
        let end = rest
            .char_indices()
            .nth(step)
            .map_or(rest.len(), |(at, _)| at);
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    sizes(&out)
}

/// Sizes, as in `12.3 MiB`, and counts of packages.
fn sizes(text: &str) -> String {
    let mut cut = false;
    text.lines()
        .map(|line| {
            // The rest of a digest that did not fit its line.
            let rest = cut
                && line
                    .trim()
                    .chars()
                    .all(|c| c.is_ascii_hexdigit() || c == '#');
            cut = line.ends_with('#');
            let host_figure = [" KiB", " MiB", " kB", " MB", " packages", " layers"]
                .iter()
                .any(|unit| line.contains(unit));
            let of_host: String = if rest {
                line.chars()
                    .map(|c| if c == ' ' { c } else { '#' })
                    .collect()
            } else if host_figure {
                line.chars()
                    .map(|c| if c.is_ascii_digit() { '#' } else { c })
                    .collect()
            } else {
                line.to_owned()
            };
            format!("{of_host}\n")
        })
        .collect()
}

#[test]
fn two_runs_in_two_folders_print_the_same_digests() {
    if !can_build() {
        return;
    }
    let Some((first, _)) = play(120, 40) else {
        return;
    };
    let Some((second, _)) = play(120, 40) else {
        return;
    };
    assert_eq!(first, second);
    let states: Vec<_> = first
        .iter()
        .map(|e| (e.slug.as_str(), e.state.as_str()))
        .collect();
    assert_eq!(
        states,
        [
            ("greeter", "published"),
            ("weather", "rejected"),
            ("metrics", "failed"),
            ("shop", "failed")
        ]
    );
    assert!(first[0].digest.is_some());
    assert_eq!(
        first[2].error.as_deref(),
        Some("network disabled — connection refused to settings.metrics.example")
    );
    assert_eq!(
        first[3].error.as_deref(),
        Some("Trivy found CRITICAL CVEs: CVE-2019-10744 in lodash")
    );
}

#[test]
fn each_scene_looks_as_it_should() {
    if !can_build() {
        return;
    }
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let Some((_, scenes)) = play(width, height) else {
            return;
        };
        for scene in scenes {
            let name = format!("demo-{}-{width}x{height}", scene.name);
            let picture = format!(
                "{}\n--- styles\n{}",
                of_any_host(&scene.frame.text),
                scene.frame.styles
            );
            snapshot_settings().bind(|| insta::assert_snapshot!(name.as_str(), picture));
        }
    }
}

/// The recording that the README names, as a terminal shows it: the picture after each scene.
fn played(cast: &str) -> Vec<(String, String)> {
    let mut lines = cast.lines();
    let head: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(head["version"], 2);
    let side = |name: &str| u16::try_from(head[name].as_u64().unwrap()).unwrap();
    let mut screen = vt100::Parser::new(side("height"), side("width"), 0);
    let (mut pictures, mut name, mut last) = (Vec::new(), String::new(), 0.0);
    for line in lines {
        let (at, kind, text): (f64, String, String) = serde_json::from_str(line).unwrap();
        assert!(at >= last, "time goes on");
        last = at;
        match kind.as_str() {
            "m" => name = text,
            _ => {
                screen.process(text.as_bytes());
                if !name.is_empty() {
                    pictures.push((name.clone(), screen.screen().contents()));
                }
            }
        }
    }
    pictures
}

#[test]
fn the_recording_shows_the_scenes_of_today() {
    if !can_build() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stage = match Stage::seed_in(folder.path(), true, FLAREO.into()) {
        Ok(stage) => stage,
        Err(error @ demo::DemoError::Base(_)) => {
            println!("skipped: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let (cast, _) = demo::cast::record(&stage, 80, 24).unwrap();
    let Some((_, scenes)) = play(80, 24) else {
        return;
    };
    let now = played(&cast);
    assert_eq!(now.len(), scenes.len());
    let plain = |text: &str| {
        let rows: Vec<&str> = text.lines().map(str::trim_end).collect();
        of_any_host(rows.join("\n").trim_end())
    };
    for ((name, picture), scene) in now.iter().zip(&scenes) {
        assert_eq!(name, scene.name);
        assert_eq!(plain(picture), plain(&scene.frame.text), "{name}");
    }
    // What is kept was made on another host: but for its digests and sizes it is the same.
    let kept = include_str!("../data/demo.cast");
    assert!(kept.len() < 300_000);
    for ((name, then), (_, picture)) in played(kept).iter().zip(&now) {
        assert_eq!(
            plain(then),
            plain(picture),
            "{name}: record it anew with `flareo demo --cast data/demo.cast`"
        );
    }
    assert_eq!(played(kept).len(), now.len());
}

#[test]
fn two_recordings_are_the_same_byte_for_byte() {
    if !can_build() {
        return;
    }
    let record = || {
        let folder = tempfile::tempdir().unwrap();
        let stage = match Stage::seed_in(folder.path(), true, FLAREO.into()) {
            Ok(stage) => stage,
            Err(error @ demo::DemoError::Base(_)) => {
                println!("skipped: {error}");
                return String::new();
            }
            Err(error) => panic!("{error}"),
        };
        demo::cast::record(&stage, 80, 24).unwrap().0
    };
    let (first, second) = (record(), record());
    assert!(first == second, "two recordings differ");
}
