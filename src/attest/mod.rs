//! Bill of materials, provenance, signatures, verification.
//!
//! [`sign`] says of one image in the content store: this is it ([`statement`], and cosign's older payload), this is in
//! it ([`sbom`]), and this is how it came to be ([`provenance`]). Each is signed with the site's [`key`] and kept
//! beside the image in the forms that ordinary clients look for. Everything is a function of what goes in: the same
//! image, facts, key and clock give the same bytes.
//!
//! [`verify()`] asks the other way round, and believes nothing that does not hold.
//!
//! Only images that passed are signed, ever: some clients take *any* attestation of a trusted key for approval, so a
//! key that also signs "failed" approves failures.
//!
//! This room knows bytes and keys. It must not know the queue, a registry, or how an image was built or scanned.

mod artifact;
pub mod bundle;
pub mod dsse;
pub mod key;
pub mod provenance;
mod purl;
pub mod sbom;
pub mod self_test;
pub mod statement;
pub mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub use artifact::{attestation_tag, signature_tag};
pub use key::{KeyError, PublicKey, SigningKey};
pub use verify::{Verified, VerifyError, verify, verify_layout};

use crate::model::event::{EventSink, Happening};
use crate::model::module::{Attachment, AttachmentKind};
use crate::model::scan::ScanReport;
use crate::model::{Digest, Reference, Timestamp};
use crate::oci::{Descriptor, OciError, Store};
use bundle::Bundle;
use dsse::{Envelope, IN_TOTO};
use statement::{CYCLONEDX, SLSA_PROVENANCE, Statement};

/// Why an image could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// The content store.
    #[error(transparent)]
    Store(#[from] OciError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A document could not be written.
    #[error("cannot write a document to be signed: {0}")]
    Json(#[from] serde_json::Error),
    /// The scan was of something else.
    #[error("the scan report is about {scanned}, and the image to sign is {image}")]
    OtherImage {
        /// What the report is about.
        scanned: Digest,
        /// What is to be signed.
        image: Digest,
    },
    /// The name is of no use in a signature.
    #[error("cannot sign under `{0}`: the name needs a tag and no digest")]
    Identity(Reference),
}

/// What is signed, and under which name.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The image's manifest.
    pub image: Digest,
    /// The name that the signature vouches for, with a tag: `registry.example/flareo/web:7`.
    pub identity: &'a Reference,
}

/// Signs an image that passed: signature, bill of materials and provenance, each in every form that clients look for.
///
/// The scan report's JSON is put in the store too: the provenance names it as its evidence.
///
/// # Errors
/// If `report` is about another image, or the store fails.
pub fn sign(
    store: &Store,
    key: &SigningKey,
    subject: &Subject<'_>,
    build: &provenance::Build<'_>,
    report: &ScanReport,
    now: Timestamp,
    events: &dyn EventSink,
) -> Result<Vec<Attachment>, AttestError> {
    let Subject { image, identity } = *subject;
    if report.image != image {
        return Err(AttestError::OtherImage {
            scanned: report.image,
            image,
        });
    }
    if identity.tag().is_none() || identity.digest().is_some() {
        return Err(AttestError::Identity(identity.clone()));
    }
    let manifest = store.manifest(image)?;
    let config = store.config(manifest.config.digest)?;
    let descriptor = Descriptor::new(manifest.media_type, image, store.size(image)?);
    let name = identity.to_string();
    let say = |text: String| events.emit(Happening::Sign { text });
    say(format!(
        "signing {name}@{image} with key {}",
        key.public().fingerprint().short()
    ));

    let evidence = store.put(&serde_json::to_vec(report)?)?;
    let created = config.created.unwrap_or(Timestamp::UNIX_EPOCH);
    let bill = sbom::bill(report, identity, created);
    let history = provenance::predicate(build, evidence);
    say(format!(
        "bill of materials: {} packages; provenance: scan report {}",
        report.packages.len(),
        evidence.short()
    ));

    let time = now.to_string();
    let payload = serde_json::to_vec(&simple_signing(image, &name))?;
    let signature = STANDARD.encode(key.sign(&payload));
    let envelope = |statement: &Statement| Envelope::sign(key, IN_TOTO, &statement.to_bytes());
    let refer = |predicate_type: &str, envelope: &Envelope| {
        let bundle = serde_json::to_vec(&Bundle::new(key, envelope.clone()))?;
        artifact::referrer(store, &descriptor, predicate_type, &bundle, &time)
    };

    let vouch = Statement::signature(image, &name);
    let bill = envelope(&Statement::new(image, &name, CYCLONEDX, bill));
    let history = envelope(&Statement::new(image, &name, SLSA_PROVENANCE, history));
    let attachment = |kind, manifest, tag| Attachment {
        kind,
        manifest,
        tag,
    };
    let attachments = vec![
        attachment(
            AttachmentKind::Signature,
            artifact::signature_image(store, &payload, signature)?,
            Some(signature_tag(image)),
        ),
        attachment(
            AttachmentKind::Bundle,
            refer(&vouch.predicate_type, &envelope(&vouch))?,
            None,
        ),
        attachment(AttachmentKind::Sbom, refer(CYCLONEDX, &bill)?, None),
        attachment(
            AttachmentKind::Provenance,
            refer(SLSA_PROVENANCE, &history)?,
            None,
        ),
        attachment(
            AttachmentKind::Attestations,
            artifact::attestation_image(store, &[(CYCLONEDX, &bill), (SLSA_PROVENANCE, &history)])?,
            Some(attestation_tag(image)),
        ),
    ];
    for attachment in &attachments {
        say(format!(
            "{} {}",
            attachment.kind.word(),
            attachment.manifest
        ));
    }
    Ok(attachments)
}

/// What cosign 2 and skopeo have signed: that `image` is what `identity` names.
fn simple_signing(image: Digest, identity: &str) -> Value {
    json!({
        "critical": {
            "identity": { "docker-reference": identity },
            "image": { "docker-manifest-digest": image },
            "type": SIMPLE_SIGNING_TYPE,
        },
        "optional": null,
    })
}

const SIMPLE_SIGNING_TYPE: &str = "cosign container image signature";

#[cfg(test)]
mod tests;
