//! The scripted run: a reviewer drives the console by its keys, and a worker builds what was approved.

use std::sync::Arc;

use serde::Serialize;

use super::Stage;
use super::samples::SAMPLES;
use crate::model::event::Cancel;
use crate::model::{Digest, Event, SubmissionId};
use crate::pipeline::{Site, SiteError};
use crate::tui::{Frame, Options, Session};

/// A moment of the run: what the console showed, and what for.
#[derive(Debug, Clone)]
pub struct Scene {
    /// A name, fit for a file.
    pub name: &'static str,
    /// What the console showed.
    pub frame: Frame,
    /// What a terminal that shows the scene before has to be sent.
    pub bytes: Vec<u8>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// Its number.
    pub id: SubmissionId,
    /// Its name.
    pub slug: String,
    /// Where it stands in the end.
    pub state: String,
    /// The image, where there is one in the catalog.
    pub digest: Option<Digest>,
    /// Why it got no further.
    pub error: Option<String>,
}

/// Plays the whole script on a console of `width` × `height`, shows each scene to `show`, and says how each submission
/// ended.
///
/// # Errors
/// If the site fails. That a submission fails is part of the play.
pub fn play(
    stage: &Stage,
    width: u16,
    height: u16,
    show: &mut dyn FnMut(Scene),
) -> Result<Vec<Ending>, SiteError> {
    play_as(stage, &Options::default(), width, height, show)
}

/// [`play`] in another look.
pub(super) fn play_as(
    stage: &Stage,
    options: &Options,
    width: u16,
    height: u16,
    show: &mut dyn FnMut(Scene),
) -> Result<Vec<Ending>, SiteError> {
    // On a terminal it would wait beside the console.
    let worker = stage.site().attend()?;
    let mut act = Act::new(stage.site(), options, width, height)?;
    act.scene("queue", show);

    // The first one is fine: read it, approve it.
    act.press("g enter")?;
    act.scene("review-greeter", show);
    act.press("a")?;
    act.scene("approving", show);
    act.say("Two stages, no network, not root.")?;
    act.expect("is approved")?;
    act.press("q")?;
    stage.pass(2);

    // The second one installs from the network: the console says why that can't be approved, so it goes back.
    act.open("weather")?;
    act.scene("review-weather", show);
    act.press("a")?;
    act.scene("blocked", show);
    act.press("enter x")?;
    act.say("Vendor what you need: RUN has no network (lines 2 and 3).")?;
    act.press("y")?;
    act.expect("is rejected")?;
    act.scene("rejected", show);
    act.press("q")?;
    stage.pass(2);

    for slug in ["metrics", "shop"] {
        act.open(slug)?;
        act.press("a enter")?;
        act.expect("is approved")?;
        act.press("q")?;
        stage.pass(1);
    }
    act.press("1 esc g")?;
    act.scene("queue-decided", show);

    stage
        .site()
        .work_pass(&|_: &Event| {}, &Cancel::default())?;
    stage.pass(3);
    for (slug, name) in [
        ("greeter", "build-greeter"),
        ("metrics", "build-metrics"),
        ("shop", "build-shop"),
    ] {
        act.open(slug)?;
        act.press("3")?;
        act.scene(name, show);
        act.press("1")?;
    }
    act.press("esc g")?;
    act.scene("queue-done", show);
    act.press("4")?;
    act.scene("catalog", show);
    act.press("p")?;
    act.scene("provenance", show);
    act.press("esc 5")?;
    act.scene("bases", show);
    act.press("6")?;
    act.scene("audit", show);
    act.press("7")?;
    act.scene("outbox", show);
    act.press(":")?;
    act.scene("palette", show);
    drop(worker);
    endings(stage.site())
}

/// How each submission stands now, in the order in which they came.
///
/// # Errors
/// If the queue can't be read.
pub fn endings(site: &Site) -> Result<Vec<Ending>, SiteError> {
    (1..)
        .take(SAMPLES.len())
        .map(|id| {
            let row = site.queue().submission(SubmissionId(id))?;
            let published = site.queue().module_of(row.id)?;
            Ok(Ending {
                id: row.id,
                slug: row.slug.to_string(),
                state: row.state.to_string(),
                digest: published.map(|module| module.digest),
                error: row.failure.map(|failure| failure.message),
            })
        })
        .collect()
}

/// A console and its driver.
struct Act {
    session: Session,
}

impl Act {
    fn new(site: &Site, options: &Options, width: u16, height: u16) -> Result<Self, SiteError> {
        let session = Session::new(
            Arc::new(crate::tui::SiteDesk::new(site)?),
            options,
            width,
            height,
        )
        .map_err(SiteError::host)?;
        Ok(Self { session })
    }

    fn press(&mut self, keys: &str) -> Result<(), SiteError> {
        self.session.press(keys).map_err(SiteError::host)
    }

    /// Writes into the open popup and sends it.
    fn say(&mut self, text: &str) -> Result<(), SiteError> {
        self.session.write(text);
        self.press("enter")
    }

    /// Shows the queue, filtered by `slug`, and opens the first row of it.
    fn open(&mut self, slug: &str) -> Result<(), SiteError> {
        self.press("1 esc /")?;
        self.session.write(slug);
        self.press("enter enter")
    }

    /// A script whose keys went astray must not end as if all were well.
    fn expect(&self, words: &str) -> Result<(), SiteError> {
        let shown = self.session.frame().text;
        if shown.contains(words) {
            return Ok(());
        }
        Err(SiteError::host(format!(
            "the demo's script expected the console to say `{words}`; it shows\n{shown}"
        )))
    }

    fn scene(&mut self, name: &'static str, show: &mut dyn FnMut(Scene)) {
        self.session.settle();
        show(Scene {
            name,
            frame: self.session.frame(),
            bytes: self.session.shown(),
        });
    }
}
