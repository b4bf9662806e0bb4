//! Content store, manifests, registry client.
