//! Published modules, their export and push.
