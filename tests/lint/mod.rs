//! What lint must find in a Dockerfile, and nothing else: a labelled corpus, and Hadolint beside it.

mod corpus;
mod hadolint;
mod home;
mod sarif;
