//! What stands beside the Dockerfile: bases, what the submitter asks for, what was decided, what came before.

use crate::model::State;
use crate::model::decision::{Grant, Verdict};
use crate::model::ledger::HostChange;
use crate::model::view::{Previous, ReviewPage};
use crate::tui::figures::{bytes, count, date, state_glyph, state_role};
use crate::tui::ink::{Line, span, wrap};
use crate::tui::theme::{Glyphs, Role};

/// Bases that are listed; more are counted.
const BASES: usize = 40;

/// The facts as lines of at most `width` columns.
pub(super) fn facts(page: &ReviewPage, glyphs: &Glyphs, width: u16) -> Vec<Line<'static>> {
    let mut sheet = Sheet {
        lines: Vec::new(),
        width: usize::from(width).max(12),
    };
    let row = &page.submission;

    sheet.heading("Bases");
    if page.pins.is_empty() {
        sheet.plain("none but scratch", Role::Dim);
    }
    for pin in page.pins.iter().take(BASES) {
        let (mark, role) = if pin.approved {
            (glyphs.good, Role::Good)
        } else {
            (glyphs.bad, Role::Bad)
        };
        sheet.marked(mark, role, &pin.written, Role::Text);
        let pinned = match pin.digest {
            Some(digest) => format!("pinned to {digest}"),
            None => "not in the cache: import it before it can be built".into(),
        };
        let role = if pin.digest.is_some() {
            Role::Dim
        } else {
            Role::Warn
        };
        let approved = if pin.approved {
            "on the approved list"
        } else {
            "not on the approved list"
        };
        sheet.under(&format!("line {}, {approved}", pin.line), Role::Dim);
        sheet.under(&pinned, role);
    }
    if page.pins.len() > BASES {
        sheet.plain(&format!("and {} more", page.pins.len() - BASES), Role::Dim);
    }

    sheet.heading("Asked for");
    let wishes = &row.wishes;
    let mut asked = false;
    if wishes.requires_network {
        sheet.marked(
            glyphs.warn,
            Role::Warn,
            "network: HTTPS to groups of the policy",
            Role::Warn,
        );
        if row.state == State::Pending {
            let how = format!(
                "flareo review {} approve --grant-network GROUP --reason …",
                row.id
            );
            sheet.under(&how, Role::Dim);
        }
        asked = true;
    }
    if let Some(minutes) = wishes.time_limit_minutes {
        sheet.marked(
            glyphs.warn,
            Role::Warn,
            &format!("a time limit of {}", count(minutes, "minute")),
            Role::Warn,
        );
        asked = true;
    }
    if let Some(base) = &wishes.base {
        sheet.marked(
            glyphs.warn,
            Role::Warn,
            &format!("the base {}", base.familiar()),
            Role::Warn,
        );
        asked = true;
    }
    if !wishes.notes.is_empty() {
        for line in wishes.notes.lines().take(40) {
            sheet.plain(line, Role::Text);
        }
        asked = true;
    }
    if !asked {
        sheet.plain("nothing beside the build", Role::Dim);
    }

    network(&mut sheet, page, glyphs);

    sheet.heading("Context");
    sheet.plain(
        &format!(
            "{} in {}",
            bytes(row.context_bytes),
            count_entries(row.context_entries)
        ),
        Role::Text,
    );
    for signal in row.detection.signals.iter().take(8) {
        sheet.plain(
            &format!("{} ({})", signal.language, signal.file),
            Role::Text,
        );
    }
    sheet.plain(&row.context.to_string(), Role::Dim);

    sheet.heading("Decided");
    if page.decisions.is_empty() {
        sheet.plain("nothing yet", Role::Dim);
    }
    for decision in &page.decisions {
        let (mark, role, word) = match decision.verdict {
            Verdict::Approve => (glyphs.good, Role::Good, "approved"),
            Verdict::Reject => (glyphs.bad, Role::Bad, "rejected"),
        };
        sheet.marked(
            mark,
            role,
            &format!("{word} by {}, {}", decision.by, date(decision.at)),
            Role::Text,
        );
        for line in decision.reason.lines().take(40) {
            sheet.under(line, Role::Dim);
        }
        if let Some(binding) = &decision.binding {
            let groups = Grant::groups(&binding.grants);
            if !groups.is_empty() {
                sheet.under(
                    &format!("grants network: {}", groups.join(", ")),
                    Role::Warn,
                );
            }
            sheet.under(&format!("binds {}", binding.digest()), Role::Dim);
        }
    }
    if let Some(failure) = &row.failure {
        sheet.heading("Error");
        sheet.marked(glyphs.bad, Role::Bad, &failure.message, Role::Bad);
        if !failure.help.is_empty() {
            sheet.under(&failure.help, Role::Dim);
        }
    }

    said(&mut sheet, page, glyphs);

    sheet.heading("Before this");
    match &page.previous {
        Some(previous) => {
            let mark = state_glyph(glyphs, previous.state);
            sheet.marked(
                mark,
                state_role(previous.state),
                &format!("#{} {}", previous.id, previous.state),
                Role::Text,
            );
            let same = previous.dockerfile == page.dockerfile;
            sheet.under(
                if same {
                    "the same Dockerfile"
                } else {
                    "d shows what changed"
                },
                Role::Dim,
            );
            changes(&mut sheet, previous, glyphs);
        }
        None => sheet.plain("the first submission of this module", Role::Dim),
    }
    if let Some(published) = &page.published {
        sheet.heading("Published last");
        let mark = state_glyph(glyphs, published.state);
        let text = format!("#{} {}", published.id, published.state);
        sheet.marked(mark, state_role(published.state), &text, Role::Text);
        changes(&mut sheet, published, glyphs);
    }
    sheet.lines
}

/// Findings and files that are listed of a comparison.
const DIFFERENCES: usize = 30;

/// What reviewers said: lines, approvals that stand or lapsed, what was said before, what the policy switches.
fn said(sheet: &mut Sheet, page: &ReviewPage, glyphs: &Glyphs) {
    let approvals = &page.approvals;
    for lapsed in &approvals.lapsed {
        let text = format!(
            "what {} approved has changed: {}",
            lapsed.by,
            lapsed.changed.join(", ")
        );
        sheet.marked(glyphs.warn, Role::Warn, &text, Role::Warn);
    }
    if approvals.needed > 1 {
        let by: Vec<String> = approvals.by.iter().map(ToString::to_string).collect();
        let text = format!(
            "{} of {} approvals {}",
            by.len(),
            approvals.needed,
            by.join(", ")
        );
        sheet.plain(text.trim_end(), Role::Text);
    }
    if !page.comments.is_empty() {
        sheet.heading("Said");
        for comment in page.comments.iter().take(DIFFERENCES) {
            sheet.plain(
                &format!("{} at {}:{}", comment.by, comment.file, comment.line),
                Role::Text,
            );
            sheet.under(&comment.text, Role::Dim);
        }
    }
    if !page.precedents.is_empty() {
        sheet.heading("Rejected before");
        for precedent in &page.precedents {
            let rules = precedent.rules.join(", ");
            sheet.plain(
                &format!(
                    "#{} {} with {rules}, by {}",
                    precedent.id, precedent.slug, precedent.by
                ),
                Role::Text,
            );
            sheet.under(
                precedent.reason.lines().next().unwrap_or_default(),
                Role::Dim,
            );
        }
    }
    if !page.switches.is_empty() {
        sheet.heading("Switched by the policy");
        for (rule, switch) in &page.switches {
            let until = switch
                .until
                .map(|until| format!(" until {until}"))
                .unwrap_or_default();
            sheet.plain(
                &format!("{rule}: {}{until}", switch.severity.word()),
                Role::Warn,
            );
            sheet.under(&switch.reason, Role::Dim);
        }
    }
}

/// What differs beside the lines of the Dockerfile.
fn changes(sheet: &mut Sheet, other: &Previous, glyphs: &Glyphs) {
    let Some(changes) = &other.changes else {
        return;
    };
    for (mark, role, word, findings) in [
        (glyphs.good, Role::Good, "resolved", &changes.resolved),
        (glyphs.warn, Role::Warn, "new", &changes.new),
    ] {
        for finding in findings.iter().take(DIFFERENCES) {
            let text = format!("{word}: {} {}", finding.rule, finding.message);
            sheet.marked(mark, role, &text, Role::Text);
        }
    }
    for pin in changes.pins.iter().take(DIFFERENCES) {
        let text = format!("{} is pinned to something else", pin.reference.familiar());
        sheet.marked(glyphs.warn, Role::Warn, &text, Role::Text);
    }
    let files = &changes.files;
    if files.count() == 0 {
        sheet.under("the same files", Role::Dim);
    }
    for file in files.list.iter().take(DIFFERENCES) {
        let size = file
            .new
            .as_ref()
            .or(file.old.as_ref())
            .map_or(0, |listed| listed.size);
        sheet.plain(
            &format!("{} {} {}", file.change.sign(), file.path, bytes(size)),
            Role::Text,
        );
    }
    let left = files
        .count()
        .saturating_sub(DIFFERENCES.min(files.list.len()) as u64);
    if left > 0 {
        sheet.under(&format!("and {left} more files"), Role::Dim);
    }
}

/// Hosts that are listed; more are counted.
const HOSTS: usize = 12;

/// What was said over the network, and what a reviewer should look at.
fn network(sheet: &mut Sheet, page: &ReviewPage, glyphs: &Glyphs) {
    let Some(view) = &page.network else { return };
    sheet.heading("Network");
    let shown = view.used.as_ref().map(|used| (page.submission.id, used));
    let before = view.before.as_ref().map(|(id, used)| (*id, used));
    if let Some((id, used)) = shown.or(before) {
        let text = format!(
            "#{id}: {} of {}, {} not let through",
            count(used.hosts.len() as u64, "host"),
            used.groups.join(", "),
            used.refused
        );
        sheet.plain(&text, Role::Text);
        for host in used.hosts.iter().take(HOSTS) {
            let text = format!(
                "{} {} up, {} down",
                host.host,
                bytes(host.up),
                bytes(host.down)
            );
            sheet.under(&text, Role::Dim);
        }
        if used.hosts.len() > HOSTS {
            sheet.under(&format!("and {} more", used.hosts.len() - HOSTS), Role::Dim);
        }
    }
    let (Some(_), Some((before, _))) = (&view.used, &view.before) else {
        return;
    };
    if view.differences.is_empty() {
        sheet.plain(&format!("the same hosts as #{before}"), Role::Dim);
    }
    for difference in view.differences.iter().take(HOSTS) {
        let text = match difference.change {
            HostChange::New => format!("new since #{before}: {}", difference.host),
            HostChange::Gone => format!("gone since #{before}: {}", difference.host),
            HostChange::Grown { before: was, now } => format!(
                "grown since #{before}: {}, {} to {}",
                difference.host,
                bytes(was),
                bytes(now)
            ),
        };
        sheet.marked(glyphs.warn, Role::Warn, &text, Role::Warn);
    }
}

fn count_entries(n: u64) -> String {
    if n == 1 {
        "1 entry".into()
    } else {
        format!("{n} entries")
    }
}

struct Sheet {
    lines: Vec<Line<'static>>,
    width: usize,
}

impl Sheet {
    fn heading(&mut self, text: &'static str) {
        if !self.lines.is_empty() {
            self.lines.push(Vec::new());
        }
        self.lines.push(vec![span(text, Role::Strong)]);
    }

    fn plain(&mut self, text: &str, role: Role) {
        self.indented("  ", text, role);
    }

    fn under(&mut self, text: &str, role: Role) {
        self.indented("    ", text, role);
    }

    fn indented(&mut self, indent: &'static str, text: &str, role: Role) {
        let clean = crate::logs::sanitise(text);
        for row in wrap(&clean, self.width.saturating_sub(indent.len())) {
            self.lines
                .push(vec![span(indent, role), span(row.to_owned(), role)]);
        }
    }

    fn marked(&mut self, mark: &'static str, mark_role: Role, text: &str, role: Role) {
        let clean = crate::logs::sanitise(text);
        for (n, row) in wrap(&clean, self.width.saturating_sub(4))
            .into_iter()
            .enumerate()
        {
            let lead = if n == 0 { mark } else { " " };
            self.lines.push(vec![
                span("  ", Role::Text),
                span(lead, mark_role),
                span(" ", Role::Text),
                span(row.to_owned(), role),
            ]);
        }
    }
}
