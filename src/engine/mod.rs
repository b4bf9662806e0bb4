//! From a Dockerfile to an image in the content store.
