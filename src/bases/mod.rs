//! Base images in the cache, pinned by digest.
