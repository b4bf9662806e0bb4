//! File trees without files: what stands in a layer, and what a stack of layers looks like from inside.
//!
//! COPY rules, owners and cache keys are worked out on these. Nothing here opens a file or mounts anything.

mod codec;
mod index;
mod node;
mod resolve;
mod view;

pub use codec::DecodeError;
pub use index::{
    IndexBuilder, LayerIndex, MemberError, Placed, TEXT_LIMIT, clean_member, fits, remove_below,
};
pub use node::{Kind, Node, ROOT};
pub use resolve::{
    Lookup, NotBelow, TooManyLinks, clean, join, parent, resolve, resolve_below, split_name,
};
pub use view::{Found, Tree};

#[cfg(test)]
mod tests;
