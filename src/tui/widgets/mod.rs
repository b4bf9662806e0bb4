//! Parts that screens are made of.

pub mod cursor;
pub mod gauge;
pub mod prompt;
pub mod window;
