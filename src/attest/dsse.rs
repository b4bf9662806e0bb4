//! DSSE envelopes: a payload, its type, and signatures over both (the Dead Simple Signing Envelope, v1).
//!
//! It knows nothing of what the payload says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::key::{PublicKey, SigningKey};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A payload with its signatures, as it stands in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Base64 of the payload.
    pub payload: String,
    /// What the payload is.
    pub payload_type: String,
    /// At least one.
    pub signatures: Vec<Signature>,
}

/// One signature over payload and type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// A hint to the key; never trusted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keyid: String,
    /// Base64 of an ASN.1 DER signature.
    pub sig: String,
}

impl Envelope {
    /// Signs `payload` as `payload_type`.
    pub fn sign(key: &SigningKey, payload_type: &str, payload: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature {
                keyid: String::new(),
                sig: STANDARD.encode(key.sign(&signed_bytes(payload_type, payload))),
            }],
        }
    }

    /// The payload, if it is of `payload_type` and carries exactly one signature, and that one is `key`'s.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that names the envelope.
    pub fn verify(&self, key: &PublicKey, payload_type: &str) -> Result<Vec<u8>, String> {
        if self.payload_type != payload_type {
            return Err(format!(
                "its payload type is `{}`, not `{payload_type}`",
                self.payload_type.chars().take(80).collect::<String>()
            ));
        }
        let payload = STANDARD
            .decode(&self.payload)
            .map_err(|e| format!("its payload is not base64 ({e})"))?;
        // One signature only: of several, clients differ in which ones have to hold.
        let [signature] = self.signatures.as_slice() else {
            return Err(format!(
                "it carries {} signatures, not one",
                self.signatures.len()
            ));
        };
        let signature = STANDARD
            .decode(&signature.sig)
            .map_err(|e| format!("its signature is not base64 ({e})"))?;
        if !key.verifies(&signed_bytes(payload_type, &payload), &signature) {
            return Err("its signature is not this key's over this payload".into());
        }
        Ok(payload)
    }
}

/// The bytes that are signed: DSSE's pre-authentication encoding.
fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::key::Repeatable;
    use super::*;

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        assert_eq!(
            signed_bytes("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn another_key_type_payload_or_second_signature_is_refused() {
        let key = SigningKey::generate(&mut Repeatable::new("a"));
        let other = SigningKey::generate(&mut Repeatable::new("b"));
        let envelope = Envelope::sign(&key, IN_TOTO, b"{}");
        assert_eq!(envelope.verify(key.public(), IN_TOTO), Ok(b"{}".to_vec()));
        assert!(envelope.verify(other.public(), IN_TOTO).is_err());
        assert!(envelope.verify(key.public(), "text/plain").is_err());
        let mut retyped = envelope.clone();
        retyped.payload_type = "text/plain".into();
        assert!(retyped.verify(key.public(), "text/plain").is_err());
        let mut changed = envelope.clone();
        changed.payload = STANDARD.encode(b"[]");
        assert!(changed.verify(key.public(), IN_TOTO).is_err());
        let mut twice = envelope.clone();
        twice.signatures.push(envelope.signatures[0].clone());
        assert!(twice.verify(key.public(), IN_TOTO).is_err());
        let mut none = envelope;
        none.signatures.clear();
        assert!(none.verify(key.public(), IN_TOTO).is_err());
    }
}
