//! The state machine and the worker: hands one stage's output to the next.
//!
//! A [`Site`] is an open state folder. The command line, the console, `--batch` and the demo are faces of it: whatever
//! they can do is a method here, and none of them has logic of its own.
//!
//! ```text
//! publish ─► (pending) ─► approve ─► (approved) ─► begin ─► (building) ─► build ─► (scanning) ─► scan ─► (signing) ─► sign ─► (published)
//! ```
//!
//! [`Site::publish`] makes a row; [`Site::approve`] and [`Site::reject`] decide; [`Site::work_pass`] carries what is
//! approved to its end. Each step is one transaction of the store, so that a worker may die anywhere: the next one
//! finds the row in the state where it was left, and goes on from there.

mod aftermath;
mod bases;
mod cancel;
mod catalog;
mod compare;
mod consoles;
mod decide;
mod doctor;
mod dossier;
mod error;
mod examine;
mod examples;
mod forecast;
pub mod help;
pub mod holder;
mod lease;
mod ledger;
mod linter;
mod local;
mod presence;
mod publish;
mod read;
pub mod recorder;
mod replay;
mod reproduce;
mod saving;
mod self_test;
mod site;
mod stages;
mod work;

pub use aftermath::{ModuleFindings, ModuleLayer};
pub use bases::{BaseRow, BaseStory};
pub use catalog::Target;
pub use decide::Seen;
pub use error::{SiteError, Trouble};
pub use linter::Linter;
pub use local::LocalBuild;
pub use presence::Presence;
pub use publish::{Published, Source};
pub use read::Read;
pub use recorder::Watcher;
pub use self_test::SelfTest;
pub use site::{Settings, Site, known_rules};
pub use work::Pass;
