//! Dockerfiles: what they say, where they say it, and what their variables and shell commands come to.
//!
//! [`parse`] reads a whole file into [`ast`]; [`scope`] walks a stage with Docker's rules for `ARG` and `ENV`, on top of
//! [`expand`], Docker's word expansion; [`run`] says what a `RUN` executes; [`shell`] reads the commands in it. Lint and
//! the engine both stand on these, so that both mean the same thing by the same text. Nothing here opens a file, knows
//! an image, or has a rule about what is allowed.

pub mod ast;
pub mod duration;
pub mod error;
pub mod excerpt;
pub mod expand;
pub mod images;
pub mod mount;
pub mod origin;
mod parser;
pub mod place;
pub mod run;
pub mod scope;
pub mod shell;
pub mod stages;

pub use error::ParseError;
pub use parser::{MAX_BYTES, MAX_INSTRUCTIONS, MAX_WORDS, parse, trigger};
