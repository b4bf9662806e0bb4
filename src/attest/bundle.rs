//! Sigstore bundles (version 0.3): a DSSE envelope with a hint to the key, in one JSON document.

use serde::{Deserialize, Serialize};

use super::artifact::BUNDLE;
use super::dsse::{Envelope, IN_TOTO};
use super::key::{PublicKey, SigningKey};
use super::statement::Statement;

/// A bundle that one key signed. Bundles with certificates or log entries are other things, and are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material {
    public_key: KeyHint,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeyHint {
    hint: String,
}

impl Bundle {
    /// Puts `envelope`, which `key` signed, in a bundle.
    pub fn new(key: &SigningKey, envelope: Envelope) -> Self {
        Self {
            media_type: BUNDLE.into(),
            verification_material: Material {
                public_key: KeyHint {
                    hint: key.public().hint(),
                },
            },
            dsse_envelope: envelope,
        }
    }

    /// The statement in the bundle file `bytes`, if `key` signed it.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that names the bundle.
    pub fn verify(bytes: &[u8], key: &PublicKey) -> Result<Statement, String> {
        let bundle: Self = serde_json::from_slice(bytes)
            .map_err(|e| format!("it is no Sigstore bundle of one key ({e})"))?;
        if bundle.media_type != BUNDLE {
            return Err(format!(
                "it is no Sigstore bundle of version 0.3, but `{}`",
                bundle.media_type.chars().take(80).collect::<String>()
            ));
        }
        if bundle.verification_material.public_key.hint != key.hint() {
            return Err("another key signed it".into());
        }
        Statement::read(&bundle.dsse_envelope.verify(key, IN_TOTO)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Repeatable;
    use super::*;
    use crate::model::Digest;

    #[test]
    fn a_bundle_is_opened_by_its_key_only() {
        let key = SigningKey::generate(&mut Repeatable::new("a"));
        let other = SigningKey::generate(&mut Repeatable::new("b"));
        let statement = Statement::signature(Digest::of(b"image"), "registry.example/a:1");
        let envelope = Envelope::sign(&key, IN_TOTO, &statement.to_bytes());
        let bytes = serde_json::to_vec(&Bundle::new(&key, envelope)).unwrap();
        assert_eq!(Bundle::verify(&bytes, key.public()), Ok(statement));
        assert!(Bundle::verify(&bytes, other.public()).is_err());
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("v0.3", "v0.2"),
            ("publicKey", "certificate"),
            ("\"hint\"", "\"Hint\""),
        ] {
            assert!(Bundle::verify(text.replace(from, to).as_bytes(), key.public()).is_err());
        }
    }
}
