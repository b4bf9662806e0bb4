//! One rule, one file.

mod base01;
mod chk01;
mod cmd01;
mod cmd02;
mod code;
mod cpy01;
mod cpy02;
mod env01;
mod hid01;
mod hlt01;
mod ign01;
mod installers;
mod lbl01;
mod net01;
mod net02;
mod net03;
mod opaque;
mod parse;
mod pin01;
mod run01;
mod sec01;
mod sig01;
mod siz01;
mod src01;
mod src02;
mod src03;
mod src04;
mod src05;
mod stg01;
mod stg02;
mod usr01;
mod var01;
mod wrk01;

pub(super) use parse::PARSE;
pub(super) use src05::SRC05;

use super::rule::Rule;

/// Every rule, by name.
pub static RULES: &[&'static dyn Rule] = &[
    &base01::BASE01,
    &chk01::CHK01,
    &cmd01::CMD01,
    &cmd02::CMD02,
    &cpy01::CPY01,
    &cpy02::CPY02,
    &env01::ENV01,
    &hid01::HID01,
    &hlt01::HLT01,
    &ign01::IGN01,
    &lbl01::LBL01,
    &net01::NET01,
    &net02::NET02,
    &net03::NET03,
    &opaque::OPAQUE,
    &PARSE,
    &pin01::PIN01,
    &run01::RUN01,
    &sec01::SEC01,
    &sig01::SIG01,
    &siz01::SIZ01,
    &src01::SRC01,
    &src02::SRC02,
    &src03::SRC03,
    &src04::SRC04,
    &SRC05,
    &stg01::STG01,
    &stg02::STG02,
    &usr01::USR01,
    &var01::VAR01,
    &wrk01::WRK01,
];
