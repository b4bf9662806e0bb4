//! One rule, one file.

mod base01;
mod cmd01;
mod code;
mod installers;
mod net01;
mod net02;
mod net03;
mod opaque;
mod parse;
mod pin01;
mod src01;
mod src02;
mod src04;
mod usr01;

pub(super) use parse::PARSE;

use super::rule::Rule;

/// Every rule, by name.
pub static RULES: &[&'static dyn Rule] = &[
    &base01::BASE01,
    &cmd01::CMD01,
    &net01::NET01,
    &net02::NET02,
    &net03::NET03,
    &opaque::OPAQUE,
    &PARSE,
    &pin01::PIN01,
    &src01::SRC01,
    &src02::SRC02,
    &src04::SRC04,
    &usr01::USR01,
];
