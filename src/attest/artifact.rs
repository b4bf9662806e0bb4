//! How signatures and attestations stand in a content store: which manifests, layers and annotations clients look for.
//!
//! Two ways side by side, because clients differ: cosign 2 and skopeo look under the tags `sha256-….sig` and
//! `sha256-….att`; cosign 3 and the OCI 1.1 clients ask for referrers that are Sigstore bundles.

use std::collections::BTreeMap;

use serde_json::json;

use super::AttestError;
use super::dsse::Envelope;
use crate::model::Digest;
use crate::oci::{Descriptor, Manifest, Store, media};

/// The layer of a `.sig` image: what cosign 2 signs.
pub(super) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The layer of an `.att` image: a DSSE envelope.
pub(super) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
/// A Sigstore bundle, version 0.3: layer and artifact type of a referrer.
pub(super) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The annotation that holds the signature of a `.sig` layer; empty on an `.att` layer.
pub(super) const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// The annotation that names the predicate of an `.att` layer.
pub(super) const PREDICATE_ANNOTATION: &str = "predicateType";

const BUNDLE_PREDICATE: &str = "dev.sigstore.bundle.predicateType";
const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";

/// The tag under which clients look for signatures of `image`.
pub fn signature_tag(image: Digest) -> String {
    format!("sha256-{}.sig", image.hex())
}

/// The tag under which clients look for attestations of `image`.
pub fn attestation_tag(image: Digest) -> String {
    format!("sha256-{}.att", image.hex())
}

/// The `.sig` image: `payload` with its base64 `signature`.
pub(super) fn signature_image(
    store: &Store,
    payload: &[u8],
    signature: String,
) -> Result<Digest, AttestError> {
    let mut layer = Descriptor::of(SIMPLE_SIGNING, payload);
    store.put(payload)?;
    layer
        .annotations
        .insert(SIGNATURE_ANNOTATION.into(), signature);
    tagged_image(store, vec![layer])
}

/// The `.att` image: every envelope with its predicate's type.
pub(super) fn attestation_image(
    store: &Store,
    envelopes: &[(&str, &Envelope)],
) -> Result<Digest, AttestError> {
    let mut layers = Vec::with_capacity(envelopes.len());
    for (predicate_type, envelope) in envelopes {
        let bytes = serde_json::to_vec(envelope)?;
        store.put(&bytes)?;
        let mut layer = Descriptor::of(DSSE, &bytes);
        layer.annotations = BTreeMap::from([
            (SIGNATURE_ANNOTATION.to_owned(), String::new()),
            (
                PREDICATE_ANNOTATION.to_owned(),
                (*predicate_type).to_owned(),
            ),
        ]);
        layers.push(layer);
    }
    tagged_image(store, layers)
}

/// A referrer: `bundle` about `image`.
pub(super) fn referrer(
    store: &Store,
    image: &Descriptor,
    predicate_type: &str,
    bundle: &[u8],
    created: &str,
) -> Result<Digest, AttestError> {
    store.put(bundle)?;
    let empty = b"{}";
    store.put(empty)?;
    let mut manifest = Manifest::image(
        Descriptor::of(media::EMPTY, empty),
        vec![Descriptor::of(BUNDLE, bundle)],
    );
    manifest.artifact_type = Some(BUNDLE.into());
    manifest.subject = Some(image.clone());
    manifest.annotations = BTreeMap::from([
        (
            "org.opencontainers.image.created".to_owned(),
            created.to_owned(),
        ),
        (BUNDLE_CONTENT.to_owned(), "dsse-envelope".to_owned()),
        (BUNDLE_PREDICATE.to_owned(), predicate_type.to_owned()),
    ]);
    Ok(store.put_manifest(&manifest)?.digest)
}

/// An image in form only: its layers are documents, and registries of any age take it.
fn tagged_image(store: &Store, layers: Vec<Descriptor>) -> Result<Digest, AttestError> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
    let config = serde_json::to_vec(&json!({
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }))?;
    store.put(&config)?;
    let manifest = Manifest::image(Descriptor::of(media::CONFIG, &config), layers);
    Ok(store.put_manifest(&manifest)?.digest)
}
