//! The one hash that an approval binds (R28): what was approved is what is built.

use crate::model::decision::{Binding, Grant};
use crate::model::view::BasePin;
use crate::model::{Digest, Policy, Submission};

/// What an approval of `submission` binds.
///
/// `pins` must be those that the reviewer saw; one without a digest is left out here and refused by
/// [`may_approve`](super::may_approve).
pub fn bind(
    submission: &Submission,
    dockerfile: Digest,
    pins: &[BasePin],
    grants: &[Grant],
    policy: &Policy,
) -> Binding {
    let mut grants = grants.to_vec();
    grants.sort();
    grants.dedup();
    Binding {
        context: submission.context,
        dockerfile,
        pins: pins
            .iter()
            .filter_map(|pin| Some((pin.reference.without_digest(), pin.digest?)))
            .collect(),
        grants,
        policy: policy.digest(),
    }
}

/// What changed under an approval, so that it no longer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Changed {
    /// The stored context is another one.
    #[error("the context changed")]
    Context,
    /// The Dockerfile's text is another one.
    #[error("the Dockerfile changed")]
    Dockerfile,
    /// `policy.toml` was edited.
    #[error("the policy changed")]
    Policy,
    /// The recorded hash is not that of the recorded facts.
    #[error("the approval's record was tampered with")]
    Record,
}

/// Whether an approval still holds: the hash in the row is that of the decision, and context, Dockerfile and policy
/// are what they were. Pins and grants are in the binding itself and are used from there.
///
/// # Errors
/// What changed first.
pub fn still_binds(
    submission: &Submission,
    binding: &Binding,
    dockerfile: Digest,
    policy: &Policy,
) -> Result<(), Changed> {
    if submission.approval != Some(binding.digest()) {
        return Err(Changed::Record);
    }
    if binding.context != submission.context {
        return Err(Changed::Context);
    }
    if binding.dockerfile != dockerfile {
        return Err(Changed::Dockerfile);
    }
    if binding.policy != policy.digest() {
        return Err(Changed::Policy);
    }
    Ok(())
}
