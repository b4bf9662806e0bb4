//! Parts that screens are made of.

pub mod chart;
pub mod cursor;
pub mod gauge;
pub mod prompt;
pub mod sheet;
pub mod table;
pub mod window;
