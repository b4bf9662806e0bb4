//! What each `FROM` is pinned to (R9).

use crate::model::base::Base;
use crate::model::image::Platform;
use crate::model::view::BasePin;
use crate::model::{Digest, Reference};
use crate::oci::Store;

use super::approved::ApprovedList;
use super::fetch::choose;

/// A base that a Dockerfile names, its variables expanded. Stages and `scratch` are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// As the Dockerfile writes it.
    pub written: String,
    /// What it means.
    pub reference: Reference,
    /// The Dockerfile's line.
    pub line: u32,
}

/// Pins each of `bases` to what `held` says, in order.
pub fn pins(
    bases: &[From],
    held: &dyn Fn(&Reference) -> Option<Digest>,
    approved: &ApprovedList,
) -> Vec<BasePin> {
    let pin = |from: &From| BasePin {
        written: from.written.clone(),
        reference: from.reference.clone(),
        digest: held(&from.reference),
        approved: approved.allows(&from.reference),
        line: from.line,
    };
    bases.iter().map(pin).collect()
}

/// The bases that were imported, and their manifests.
#[derive(Debug, Clone, Copy)]
pub struct Cache<'a> {
    /// Where the manifests lie.
    pub store: &'a Store,
    /// Every base that was imported and is not removed, superseded ones too; of one reference the last counts for
    /// its tag.
    pub bases: &'a [Base],
    /// For which platform we build.
    pub platform: &'a Platform,
}

impl Cache<'_> {
    /// The platform manifest that `reference` is pinned to.
    ///
    /// A digest must be one that was imported into that very repository: that some blob of the store has it (somebody
    /// else's image, say) is not enough. It may also be the digest of the index that the base came from.
    pub fn resolve(&self, reference: &Reference) -> Option<Digest> {
        let Some(digest) = reference.digest() else {
            let same = |base: &&Base| base.reference == *reference;
            return self.bases.iter().rev().find(same).map(|base| base.digest);
        };
        let held = |digest: Digest| {
            self.bases.iter().any(|base| {
                base.digest == digest
                    && base.reference.registry() == reference.registry()
                    && base.reference.repository() == reference.repository()
            })
        };
        if held(digest) {
            return Some(digest);
        }
        let index = self.store.index(digest).ok()?;
        let chosen = choose(&index, self.platform).ok()?.digest;
        held(chosen).then_some(chosen)
    }
}
