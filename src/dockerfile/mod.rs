//! Dockerfiles: lexer, parser with spans, word expansion, shell words.

pub mod ast;
