//! The report of a sandbox's self-test as an attestation: a statement about the program that was tested, in a DSSE
//! envelope of the site's key.

use serde_json::Value;

use super::dsse::{Envelope, IN_TOTO};
use super::key::{PublicKey, SigningKey};
use super::statement::Statement;
use crate::model::Digest;

/// What the predicate is.
pub const SELF_TEST: &str = "urn:flareo:self-test:v1";
/// What the subject goes by.
const SUBJECT: &str = "flareo";

/// A report, and the program that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Attested {
    /// The program that made it and that was tested.
    pub program: Digest,
    /// The report.
    pub report: Value,
}

/// Signs a report; answers with the envelope's bytes.
pub fn sign(key: &SigningKey, attested: &Attested) -> Vec<u8> {
    let statement = Statement::new(
        attested.program,
        SUBJECT,
        SELF_TEST,
        attested.report.clone(),
    );
    let envelope = Envelope::sign(key, IN_TOTO, &statement.to_bytes());
    // Strings only: this can't fail.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

/// Reads an envelope that [`sign`] wrote.
///
/// # Errors
/// What is wrong, as the end of a sentence that names the file.
pub fn verify(bytes: &[u8], key: &PublicKey) -> Result<Attested, String> {
    let envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|e| format!("it is no DSSE envelope ({e})"))?;
    let statement = Statement::read(&envelope.verify(key, IN_TOTO)?)?;
    if statement.predicate_type != SELF_TEST {
        return Err(format!(
            "it is no report of a self-test, but `{}`",
            statement
                .predicate_type
                .chars()
                .take(80)
                .collect::<String>()
        ));
    }
    Ok(Attested {
        program: statement.image()?,
        report: statement.predicate,
    })
}

#[cfg(test)]
mod tests {
    use super::super::key::Repeatable;
    use super::*;

    #[test]
    fn a_report_reads_back_under_its_key_and_no_other_statement_passes_for_one() {
        let key = SigningKey::generate(&mut Repeatable::new("a"));
        let attested = Attested {
            program: Digest::of(b"program"),
            report: serde_json::json!({ "ok": true }),
        };
        let bytes = sign(&key, &attested);
        assert_eq!(verify(&bytes, key.public()), Ok(attested.clone()));
        let other = SigningKey::generate(&mut Repeatable::new("b"));
        assert!(verify(&bytes, other.public()).is_err());
        let provenance = Statement::new(
            attested.program,
            "x",
            "https://slsa.dev/provenance/v1",
            attested.report,
        );
        let envelope = Envelope::sign(&key, IN_TOTO, &provenance.to_bytes());
        let bytes = serde_json::to_vec(&envelope).unwrap();
        assert!(verify(&bytes, key.public()).is_err());
    }
}
