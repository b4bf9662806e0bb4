//! `flareo show ID --forecast`: what the scan will find.

use super::output::{Output, Role};
use crate::logs::sanitise;
use crate::model::SubmissionId;
use crate::model::forecast::{Expected, Origin};
use crate::pipeline::{Site, SiteError};

/// Prints the forecast.
pub fn run(site: &Site, id: SubmissionId, output: &Output) -> Result<(), SiteError> {
    let forecast = site.forecast(id)?;
    if output.json() {
        return output.document(&forecast);
    }
    let base = match &forecast.base {
        Some((name, digest)) => format!("{} ({digest})", sanitise(name)),
        None => "none".to_owned(),
    };
    output.say(&format!(
        "base {base}, {} packages, vulnerability database of {}",
        forecast.packages, forecast.database_updated_at
    ));
    for (origin, title) in [
        (Origin::Inherited, "inherited from the base"),
        (Origin::Brought, "brought by the context"),
    ] {
        let of_it: Vec<&Expected> = forecast
            .expected
            .iter()
            .filter(|e| e.origin == origin)
            .collect();
        let fixable = of_it.iter().filter(|e| e.finding.fixed.is_some()).count();
        output.say(&output.paint(
            Role::Strong,
            &format!(
                "{title}: {} findings, {fixable} of them fixed somewhere",
                of_it.len()
            ),
        ));
        for expected in of_it {
            line(expected, output);
        }
    }
    for gap in &forecast.gaps {
        output.say(&output.paint(Role::Warn, &format!("not looked at: {}", sanitise(gap))));
    }
    output.say(&match forecast.rejecting() {
        0 => output.paint(Role::Good, "nothing of this would stop the image"),
        1 => output.paint(Role::Bad, "1 finding would stop the image at the gate"),
        n => output.paint(
            Role::Bad,
            &format!("{n} findings would stop the image at the gate"),
        ),
    });
    Ok(())
}

fn line(expected: &Expected, output: &Output) {
    let finding = &expected.finding;
    let fixed = match &finding.fixed {
        Some(version) => format!("fixed in {}", sanitise(version)),
        None => "no fix".to_owned(),
    };
    let excepted = match finding.exception {
        Some(exception) => format!(", covered by exception {exception}"),
        None => String::new(),
    };
    let role = if expected.rejects {
        Role::Bad
    } else {
        Role::Plain
    };
    output.say(&output.paint(
        role,
        &format!(
            "  {:<8} {} in {} {}, {fixed}{excepted}",
            finding.severity.word(),
            sanitise(&finding.id),
            sanitise(&finding.package),
            sanitise(&finding.installed)
        ),
    ));
}
