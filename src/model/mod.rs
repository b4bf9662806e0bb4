//! Plain types that every room speaks: no files, no sockets, no SQL, no terminal.
//!
//! What one stage needs of another's facts is a type here; `pipeline` carries it across.

pub mod actor;
pub mod arrangement;
pub mod audit;
pub mod base;
pub mod changes;
pub mod clock;
pub mod comment;
pub mod context;
pub mod decision;
pub mod digest;
pub mod effective;
pub mod event;
pub mod failure;
pub mod figures;
pub mod finding;
pub mod forecast;
pub mod foreign;
pub mod image;
pub mod ledger;
pub mod limits;
pub mod module;
pub mod network;
pub mod passwd;
pub mod policy;
pub mod reference;
pub mod replay;
pub mod reproduction;
pub mod scan;
pub mod secret;
pub mod size;
pub mod submission;
pub mod view;

pub use actor::Actor;
pub use clock::{Clock, SystemClock, Timestamp};
pub use digest::Digest;
pub use event::{Event, EventSink};
pub use failure::Failure;
pub use finding::{Finding, Severity};
pub use limits::Limits;
pub use policy::Policy;
pub use reference::Reference;
pub use submission::{Slug, State, Submission, SubmissionId};
