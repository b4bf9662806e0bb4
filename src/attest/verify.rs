//! Whether what is kept beside an image holds: every signature by one key, everything about this very image.
//!
//! Fails closed: an attachment that does not hold is an error even where another one would do, and an image without
//! signature, bill of materials or provenance is not verified.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::artifact::{
    BUNDLE, DSSE, PREDICATE_ANNOTATION, SIGNATURE_ANNOTATION, SIMPLE_SIGNING, attestation_tag,
    signature_tag,
};
use super::bundle::Bundle;
use super::dsse::{Envelope, IN_TOTO};
use super::key::PublicKey;
use super::statement::{COSIGN_SIGN, CYCLONEDX, SLSA_PROVENANCE, Statement};
use crate::model::Digest;
use crate::model::module::{Attachment, AttachmentKind};
use crate::oci::{Descriptor, Index, MANIFEST_LIMIT, Manifest, OciError, Store, media};

/// A longer signed document is refused.
const DOCUMENT_LIMIT: u64 = 256 << 20;
/// A longer simple-signing payload is refused.
const PAYLOAD_LIMIT: u64 = 64 << 10;

/// What was found to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The image's manifest.
    pub image: Digest,
    /// The name that every signature vouches for.
    pub identity: String,
    /// The key's fingerprint.
    pub key: Digest,
    /// The attachments, each checked.
    pub attachments: Vec<Attachment>,
    /// The CycloneDX bill of materials.
    pub sbom: Value,
    /// The SLSA provenance.
    pub provenance: Value,
}

/// What does not hold.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The image can't be read, or is not what its digest says.
    #[error("image {image} is not whole: {why}")]
    Image {
        /// The image.
        image: Digest,
        /// What is wrong.
        why: String,
    },
    /// Something that has to be there is not.
    #[error("image {image} has no {what} by this key")]
    Missing {
        /// The image.
        image: Digest,
        /// What is missing.
        what: &'static str,
    },
    /// Something is there and does not hold.
    #[error("the {} {manifest} does not hold for image {image}: {why}", kind.word())]
    Refused {
        /// The image.
        image: Digest,
        /// What it should be.
        kind: AttachmentKind,
        /// Its manifest.
        manifest: Digest,
        /// What is wrong.
        why: String,
    },
    /// The folder holds no image.
    #[error("{} is no OCI layout with an image in it: {why}", path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Checks `image`, byte for byte, and everything in `attachments` against `key`.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify(
    store: &Store,
    image: Digest,
    attachments: &[Attachment],
    key: &PublicKey,
) -> Result<Verified, VerifyError> {
    whole(store, image).map_err(|why| VerifyError::Image { image, why })?;
    let mut claims = Claims::default();
    for attachment in attachments {
        claims
            .check(store, image, attachment, key)
            .map_err(|why| VerifyError::Refused {
                image,
                kind: attachment.kind,
                manifest: attachment.manifest,
                why,
            })?;
    }
    let missing = |what| VerifyError::Missing { image, what };
    if !claims.signed {
        return Err(missing("signature"));
    }
    let mut predicate = |of, what| claims.predicates.remove(of).ok_or(missing(what));
    Ok(Verified {
        image,
        sbom: predicate(CYCLONEDX, "bill of materials")?,
        provenance: predicate(SLSA_PROVENANCE, "provenance")?,
        identity: claims.identity.unwrap_or_default(),
        key: key.fingerprint(),
        attachments: attachments.to_vec(),
    })
}

/// Checks every image in the OCI layout at `folder`, which is only read.
///
/// # Errors
/// If the folder is no layout or holds no image, or the first thing that does not hold.
pub fn verify_layout(folder: &Path, key: &PublicKey) -> Result<Vec<Verified>, VerifyError> {
    let bad = |why: String| VerifyError::Layout {
        path: folder.to_owned(),
        why,
    };
    let blobs = fs::canonicalize(folder.join("blobs")).map_err(|e| bad(e.to_string()))?;
    let mut bytes = Vec::new();
    fs::File::open(folder.join("index.json"))
        .and_then(|file| file.take(MANIFEST_LIMIT).read_to_end(&mut bytes))
        .map_err(|e| bad(format!("cannot read its index.json: {e}")))?;
    let index = Index::parse(&bytes).map_err(|e| bad(e.to_string()))?;

    // A store writes to its folder: give it one of its own, whose blobs are the layout's.
    let aside = tempfile::tempdir().map_err(|e| bad(e.to_string()))?;
    std::os::unix::fs::symlink(blobs, aside.path().join("blobs"))
        .map_err(|e| bad(e.to_string()))?;
    let store = Store::open(aside.path()).map_err(|e| bad(e.to_string()))?;

    let mut images = Vec::new();
    let mut beside: BTreeMap<Digest, Vec<Attachment>> = BTreeMap::new();
    for entry in &index.manifests {
        if !media::is_manifest(&entry.media_type) {
            continue;
        }
        let manifest = store
            .manifest(entry.digest)
            .map_err(|e| bad(e.to_string()))?;
        match about(entry, &manifest) {
            Some((image, attachment)) => beside.entry(image).or_default().push(attachment),
            None if manifest.subject.is_none() && !images.contains(&entry.digest) => {
                images.push(entry.digest);
            }
            None => {}
        }
    }
    if images.is_empty() {
        return Err(bad("its index names none".into()));
    }
    images
        .into_iter()
        .map(|image| {
            let attachments = beside.remove(&image).unwrap_or_default();
            verify(&store, image, &attachments, key)
        })
        .collect()
}

/// What an index's entry claims to be beside which image. Nothing of it is believed yet.
fn about(entry: &Descriptor, manifest: &Manifest) -> Option<(Digest, Attachment)> {
    let attachment = |kind, tag| Attachment {
        kind,
        manifest: entry.digest,
        tag,
    };
    if let Some(subject) = &manifest.subject {
        let predicate = manifest
            .annotations
            .get("dev.sigstore.bundle.predicateType")?;
        let kind = match predicate.as_str() {
            COSIGN_SIGN => AttachmentKind::Bundle,
            CYCLONEDX => AttachmentKind::Sbom,
            SLSA_PROVENANCE => AttachmentKind::Provenance,
            _ => return None,
        };
        return Some((subject.digest, attachment(kind, None)));
    }
    let tag = entry
        .annotations
        .get("org.opencontainers.image.ref.name")?
        .rsplit(':')
        .next()?;
    let (hex, suffix) = tag.strip_prefix("sha256-")?.split_once('.')?;
    let kind = match suffix {
        "sig" => AttachmentKind::Signature,
        "att" => AttachmentKind::Attestations,
        _ => return None,
    };
    let image = format!("sha256:{hex}").parse().ok()?;
    Some((image, attachment(kind, Some(tag.to_owned()))))
}

/// Whether every blob that the image names is here and is what it is said to be.
fn whole(store: &Store, image: Digest) -> Result<(), String> {
    let say = |e: OciError| e.to_string();
    let manifest = store.manifest(image).map_err(say)?;
    store.config(manifest.config.digest).map_err(say)?;
    for layer in &manifest.layers {
        let mut blob = store.open_blob(layer.digest).map_err(say)?;
        if blob.size() != layer.size {
            return Err(format!(
                "layer {} is {} bytes long, expected {}",
                layer.digest,
                blob.size(),
                layer.size
            ));
        }
        blob.drain().map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// What the attachments said so far, all of it signed and about the image.
#[derive(Default)]
struct Claims {
    signed: bool,
    identity: Option<String>,
    predicates: BTreeMap<String, Value>,
}

impl Claims {
    fn check(
        &mut self,
        store: &Store,
        image: Digest,
        attachment: &Attachment,
        key: &PublicKey,
    ) -> Result<(), String> {
        let manifest = store
            .manifest(attachment.manifest)
            .map_err(|e| e.to_string())?;
        let tag = match attachment.kind {
            AttachmentKind::Signature => Some(signature_tag(image)),
            AttachmentKind::Attestations => Some(attestation_tag(image)),
            _ => None,
        };
        if attachment.tag != tag {
            return Err("it stands under another image's tag".into());
        }
        match attachment.kind {
            AttachmentKind::Signature => {
                let layer = only_layer(&manifest, SIMPLE_SIGNING)?;
                let payload = read(store, layer, PAYLOAD_LIMIT)?;
                let signature = layer
                    .annotations
                    .get(SIGNATURE_ANNOTATION)
                    .and_then(|text| STANDARD.decode(text).ok())
                    .ok_or("its layer carries no base64 signature")?;
                if !key.verifies(&payload, &signature) {
                    return Err("its signature is not this key's over this payload".into());
                }
                let identity = simple_signing(&payload, image)?;
                self.named(&identity)?;
                self.signed = true;
                Ok(())
            }
            AttachmentKind::Bundle => {
                let statement = referrer(store, image, &manifest, key)?;
                self.take(statement, image, &[COSIGN_SIGN])?;
                self.signed = true;
                Ok(())
            }
            AttachmentKind::Sbom => {
                let statement = referrer(store, image, &manifest, key)?;
                self.take(statement, image, &[CYCLONEDX])
            }
            AttachmentKind::Provenance => {
                let statement = referrer(store, image, &manifest, key)?;
                self.take(statement, image, &[SLSA_PROVENANCE])
            }
            AttachmentKind::Attestations => {
                for layer in &manifest.layers {
                    if layer.media_type != DSSE {
                        return Err("it has a layer that is no DSSE envelope".into());
                    }
                    let envelope: Envelope =
                        serde_json::from_slice(&read(store, layer, DOCUMENT_LIMIT)?).map_err(
                            |e| format!("layer {} is no DSSE envelope ({e})", layer.digest),
                        )?;
                    let statement = Statement::read(&envelope.verify(key, IN_TOTO)?)?;
                    if layer.annotations.get(PREDICATE_ANNOTATION)
                        != Some(&statement.predicate_type)
                    {
                        return Err(
                            "a layer is announced as another predicate than it holds".into()
                        );
                    }
                    self.take(statement, image, &[CYCLONEDX, SLSA_PROVENANCE])?;
                }
                Ok(())
            }
        }
    }

    /// Takes in what a signed statement says, if it is about `image` and of an expected kind.
    fn take(
        &mut self,
        statement: Statement,
        image: Digest,
        expected: &[&str],
    ) -> Result<(), String> {
        let about = statement.image()?;
        if about != image {
            return Err(format!("it is about another image, {about}"));
        }
        if !expected.contains(&statement.predicate_type.as_str()) {
            return Err(format!(
                "its predicate is `{}`",
                statement
                    .predicate_type
                    .chars()
                    .take(120)
                    .collect::<String>()
            ));
        }
        self.named(statement.identity())?;
        let Statement {
            predicate_type,
            predicate,
            ..
        } = statement;
        match self.predicates.get(&predicate_type) {
            Some(known) if *known != predicate => {
                Err("it says something else than another attestation of its kind".into())
            }
            Some(_) => Ok(()),
            None => {
                self.predicates.insert(predicate_type, predicate);
                Ok(())
            }
        }
    }

    fn named(&mut self, identity: &str) -> Result<(), String> {
        match &self.identity {
            Some(known) if known != identity => Err(format!(
                "it calls the image `{identity}`, and another signature calls it `{known}`"
            )),
            Some(_) => Ok(()),
            None => {
                self.identity = Some(identity.to_owned());
                Ok(())
            }
        }
    }
}

fn referrer(
    store: &Store,
    image: Digest,
    manifest: &Manifest,
    key: &PublicKey,
) -> Result<Statement, String> {
    match &manifest.subject {
        Some(subject) if subject.digest == image => {}
        Some(subject) => return Err(format!("it refers to another image, {}", subject.digest)),
        None => return Err("it refers to no image".into()),
    }
    let layer = only_layer(manifest, BUNDLE)?;
    Bundle::verify(&read(store, layer, DOCUMENT_LIMIT)?, key)
}

fn only_layer<'a>(manifest: &'a Manifest, media_type: &str) -> Result<&'a Descriptor, String> {
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == media_type => Ok(layer),
        [_] => Err(format!("its layer is no `{media_type}`")),
        layers => Err(format!("it has {} layers, not one", layers.len())),
    }
}

fn read(store: &Store, layer: &Descriptor, limit: u64) -> Result<Vec<u8>, String> {
    store.read(layer.digest, limit).map_err(|e| e.to_string())
}

/// The identity in a simple-signing payload, if it is about `image`.
fn simple_signing(payload: &[u8], image: Digest) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Payload {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        identity: Identity,
        image: Image,
        #[serde(rename = "type")]
        kind: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Identity {
        docker_reference: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Image {
        docker_manifest_digest: Digest,
    }
    let Payload { critical } = serde_json::from_slice(payload)
        .map_err(|e| format!("its payload is no simple-signing document ({e})"))?;
    if critical.kind != super::SIMPLE_SIGNING_TYPE {
        return Err("its payload is no signature of a container image".into());
    }
    let about = critical.image.docker_manifest_digest;
    if about != image {
        return Err(format!("it is about another image, {about}"));
    }
    Ok(critical.identity.docker_reference)
}
