//! `flareo doctor --self-test`: does the sandbox of this host hold?

use std::path::Path;
use std::process::ExitCode;

use super::output::{Output, Role};
use crate::durable;
use crate::pipeline::{SelfTest, Site, SiteError};

/// Runs it. 1 if an answer was wrong; without filters, 1 if none was.
pub fn run(
    site: &Site,
    seccomp: bool,
    signed: Option<&Path>,
    output: &Output,
) -> Result<ExitCode, SiteError> {
    let report = site.self_test(seccomp)?;
    if let Some(path) = signed {
        let bytes = site.signed_self_test(&report)?;
        durable::write(path, &bytes, 0o644).map_err(|error| {
            SiteError::host(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    if output.json() {
        output.document(&report)?;
    } else {
        print(&report, output);
    }
    let as_it_must = if seccomp { report.ok } else { !report.ok };
    Ok(ExitCode::from(u8::from(!as_it_must)))
}

/// Checks a signed report and prints it.
pub fn verify(
    site: &Site,
    path: &Path,
    key: Option<&Path>,
    output: &Output,
) -> Result<ExitCode, SiteError> {
    let (report, program) = site.verify_self_test(path, key)?;
    if output.json() {
        output.document(&report)?;
    } else {
        output.say(&format!(
            "{} the report of a self-test of flareo {program}",
            output.paint(Role::Good, "verified")
        ));
        print(&report, output);
    }
    Ok(ExitCode::from(u8::from(!report.ok)))
}

fn print(report: &SelfTest, output: &Output) {
    let filters = if report.seccomp { "with" } else { "without" };
    output.say(&format!(
        "flareo {} as {}, {filters} system-call filters, control groups {}, {}\nLinux {} ({})\n",
        report.flareo, report.mode, report.cgroups, report.at, report.kernel, report.machine
    ));
    let lines: Vec<_> = report
        .probes
        .iter()
        .map(|probe| {
            let (role, word) = match (probe.held, report.seccomp) {
                (true, _) => (Role::Good, "✓ held"),
                (false, true) => (Role::Bad, "✗ fell"),
                (false, false) => (Role::Warn, "! fell"),
            };
            let expected = if probe.held {
                String::new()
            } else {
                format!(", not {}", probe.expected.join(" or "))
            };
            vec![
                (role, word.to_owned()),
                (Role::Faint, probe.area.clone()),
                (Role::Strong, probe.name.clone()),
                (Role::Plain, format!("{}{expected}", probe.got)),
            ]
        })
        .collect();
    output.say(&output.table(&["", "AREA", "TRIED", "ANSWER"], &lines));
    let (held, all) = (report.held(), report.probes.len());
    output.say(&match (report.seccomp, report.ok) {
        (true, true) => format!("all {all} held"),
        (true, false) => format!(
            "{} of {all} did not hold: do not build what strangers send on this host before that is understood",
            all - held
        ),
        (false, false) => format!(
            "{} of {all} fell without the filters, as they must: the probes prove something",
            all - held
        ),
        (false, true) => format!("all {all} held even without the filters: the probes prove nothing of them here"),
    });
}
