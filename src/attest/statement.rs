//! in-toto statements (v1): a predicate about one image, named by digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::Digest;

/// What cosign 3 signs when it signs an image.
pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
/// A CycloneDX bill of materials.
pub const CYCLONEDX: &str = "https://cyclonedx.org/bom";
/// SLSA provenance, version 1.
pub const SLSA_PROVENANCE: &str = "https://slsa.dev/provenance/v1";

const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// A predicate and what it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    /// What the predicate is: one of this module's constants, for what we make.
    pub predicate_type: String,
    /// What is said.
    #[serde(default)]
    pub predicate: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Subject {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    digest: BTreeMap<String, String>,
}

impl Statement {
    /// Says `predicate` of `image`, which is called `identity`.
    pub fn new(image: Digest, identity: &str, predicate_type: &str, predicate: Value) -> Self {
        Self {
            kind: STATEMENT.into(),
            subject: vec![Subject {
                name: identity.to_owned(),
                digest: [("sha256".to_owned(), image.hex())].into(),
            }],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// What cosign 3 signs: that `image` is called `identity`, and nothing more.
    pub fn signature(image: Digest, identity: &str) -> Self {
        Self::new(image, identity, COSIGN_SIGN, json!({}))
    }

    /// The bytes to sign.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, ordered maps and JSON values: this can't fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a statement that is about exactly one image.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that names the statement.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let statement: Self = serde_json::from_slice(bytes)
            .map_err(|e| format!("its payload is no in-toto statement ({e})"))?;
        if statement.kind != STATEMENT {
            return Err(format!(
                "its payload is no in-toto statement of version 1, but `{}`",
                statement.kind.chars().take(80).collect::<String>()
            ));
        }
        if statement.subject.len() != 1 {
            return Err(format!(
                "it speaks of {} subjects, not one",
                statement.subject.len()
            ));
        }
        Ok(statement)
    }

    /// The name that the subject goes by.
    pub fn identity(&self) -> &str {
        self.subject.first().map_or("", |s| s.name.as_str())
    }

    /// The image that it is about.
    ///
    /// # Errors
    /// If the subject has no SHA-256 digest.
    pub fn image(&self) -> Result<Digest, String> {
        self.subject
            .first()
            .and_then(|s| s.digest.get("sha256"))
            .and_then(|hex| format!("sha256:{hex}").parse().ok())
            .ok_or_else(|| "its subject has no sha256 digest".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_reads_back_and_names_its_image() {
        let image = Digest::of(b"image");
        let statement = Statement::signature(image, "registry.example/a:1");
        let read = Statement::read(&statement.to_bytes()).unwrap();
        assert_eq!(read, statement);
        assert_eq!(read.image(), Ok(image));
        assert_eq!(read.identity(), "registry.example/a:1");
    }

    #[test]
    fn no_subject_two_subjects_and_other_documents_are_refused() {
        let image = Digest::of(b"image");
        let mut two = Statement::signature(image, "a");
        two.subject.push(two.subject[0].clone());
        assert!(Statement::read(&two.to_bytes()).is_err());
        two.subject.clear();
        assert!(Statement::read(&two.to_bytes()).is_err());
        assert!(Statement::read(b"{}").is_err());
        assert!(Statement::read(b"[").is_err());
    }
}
