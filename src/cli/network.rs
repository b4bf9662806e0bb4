//! The ledger of a granted build, for people: hosts, differences, and what was not let through.

use super::output::{size, time};
use crate::model::ledger::{HostChange, LedgerEntry, NetworkUse, Passage};
use crate::model::view::NetworkView;

/// Connections that were not let through and are listed; more are counted.
const LISTED: usize = 20;

/// Lines of a review page, each with its name.
pub fn lines(view: &NetworkView, entries: &[LedgerEntry]) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    match (&view.used, &view.before) {
        (Some(used), _) => {
            lines.extend(hosts(used, ""));
            lines.push(("ledger", used.ledger.to_string()));
        }
        (None, Some((id, used))) => {
            lines.extend(hosts(used, &format!(" by #{id}, the last granted build")));
        }
        (None, None) => {}
    }
    if let (Some(_), Some((id, _))) = (&view.used, &view.before) {
        if view.differences.is_empty() {
            lines.push(("since", format!("#{id}: the same hosts, none much grown")));
        }
        for difference in &view.differences {
            let host = &difference.host;
            let text = match difference.change {
                HostChange::New => format!("#{id}: new: {host}"),
                HostChange::Gone => format!("#{id}: gone: {host}"),
                HostChange::Grown { before, now } => {
                    format!(
                        "#{id}: grown: {host} from {} to {}",
                        size(before),
                        size(now)
                    )
                }
            };
            lines.push(("since", text));
        }
    }
    let mut others = entries
        .iter()
        .map(|entry| &entry.connection)
        .filter(|connection| connection.verdict != Passage::Allowed);
    for connection in others.by_ref().take(LISTED) {
        let text = format!(
            "{} in step {} at {}: {}",
            connection.target(),
            connection.step,
            time(connection.started_at),
            connection.reason
        );
        lines.push((connection.verdict.word(), text));
    }
    let more = others.count();
    if more > 0 {
        lines.push(("", format!("and {more} more (`--format json` has all)")));
    }
    lines
}

fn hosts(used: &NetworkUse, of: &str) -> Vec<(&'static str, String)> {
    if used.hosts.is_empty() {
        return vec![("network", format!("no host was reached{of}"))];
    }
    used.hosts
        .iter()
        .map(|host| {
            let times = match host.connections {
                1 => "once".to_owned(),
                n => format!("{n} times"),
            };
            let text = format!(
                "{} {times}, {} up, {} down{of}",
                host.host,
                size(host.up),
                size(host.down)
            );
            ("network", text)
        })
        .collect()
}
