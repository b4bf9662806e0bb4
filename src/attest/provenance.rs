//! SLSA v1 provenance: from what, by whom and how an image was built.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::purl;
use crate::model::decision::Pins;
use crate::model::image::Platform;
use crate::model::ledger::NetworkUse;
use crate::model::reproduction::Reproduction;
use crate::model::{Digest, Timestamp};

/// What our provenance means by its parameters: a build of a Dockerfile by Flareo's engine.
pub const BUILD_TYPE: &str = "urn:flareo:build:dockerfile:v1";

/// The facts of one build.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// Who vouches for the build: a URI that names this installation.
    pub builder: &'a str,
    /// The build's own name at the builder, as the submission's number.
    pub invocation: &'a str,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The stored context.
    pub context: Digest,
    /// The Dockerfile's path in the context.
    pub dockerfile: &'a str,
    /// The Dockerfile's text.
    pub dockerfile_digest: Digest,
    /// Build arguments.
    pub build_args: &'a BTreeMap<String, String>,
    /// The stage that was asked for, where not the last.
    pub target: Option<&'a str>,
    /// For which platform.
    pub platform: &'a Platform,
    /// The bases as they were pinned.
    pub pins: &'a Pins,
    /// The policy in force.
    pub policy: Digest,
    /// The hash that the approval binds, where the build was approved (R28).
    pub approval: Option<Digest>,
    /// The signed report of the self-test that stood for the sandbox, where there was one.
    pub self_test: Option<Digest>,
    /// What it used of the network, where that was granted (R14).
    pub network: Option<&'a NetworkUse>,
    /// Whether two builds agreed (R20).
    pub reproduction: &'a Reproduction,
    /// The report of the second, where there was one (its JSON's digest).
    pub reproduction_report: Option<Digest>,
}

/// The predicate for `build`, whose image was let through on the scan report `evidence` (its JSON's digest).
pub fn predicate(build: &Build<'_>, evidence: Digest) -> Value {
    let mut external = json!({
        "source": { "digest": digest(build.context) },
        "dockerfile": build.dockerfile,
        "buildArgs": build.build_args,
        "platform": build.platform.to_string(),
    });
    if let Some(target) = build.target {
        external["target"] = target.into();
    }
    let mut internal = json!({ "policy": { "digest": digest(build.policy) } });
    if let Some(approval) = build.approval {
        internal["approval"] = json!({ "digest": digest(approval) });
    }
    if let Some(report) = build.self_test {
        internal["selfTest"] = json!({ "digest": digest(report) });
    }
    if let Some(network) = build.network {
        internal["network"] = json!({
            "groups": network.groups,
            "hosts": network.hosts,
            "connections": network.connections,
            "refused": network.refused,
            "ledger": { "digest": digest(network.ledger) },
        });
    }
    let mut dependencies: Vec<Value> = build
        .pins
        .iter()
        .map(|(reference, pinned)| {
            let repository = format!("{}/{}", reference.registry(), reference.repository());
            json!({
                "name": reference.to_string(),
                "uri": purl::of_image(&repository, reference.tag(), *pinned),
                "digest": digest(*pinned),
            })
        })
        .collect();
    dependencies.push(json!({ "name": "context", "digest": digest(build.context) }));
    dependencies.push(json!({ "name": "dockerfile", "digest": digest(build.dockerfile_digest) }));

    let mut reproduction = json!({ "label": build.reproduction.word() });
    if let Reproduction::NotReproduced { first_difference } = build.reproduction {
        reproduction["firstDifference"] = first_difference.as_str().into();
    }
    let byproduct = |name: &str, of: Digest| json!({ "name": name, "mediaType": "application/json", "digest": digest(of) });
    let mut byproducts = vec![byproduct("scan-report.json", evidence)];
    if let Some(report) = build.reproduction_report {
        byproducts.push(byproduct("reproduction-report.json", report));
    }
    if let Some(network) = build.network {
        byproducts.push(byproduct("network-ledger.json", network.ledger));
    }
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": external,
            "internalParameters": internal,
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": {
                "id": build.builder,
                "version": { "flareo": env!("CARGO_PKG_VERSION") },
            },
            "metadata": {
                "invocationId": build.invocation,
                "startedOn": build.started_at.to_string(),
                "finishedOn": build.finished_at.to_string(),
                "flareo_reproduction": reproduction,
            },
            "byproducts": byproducts,
        },
    })
}

fn digest(digest: Digest) -> Value {
    json!({ "sha256": digest.hex() })
}
