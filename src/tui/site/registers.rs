//! The registers over a real site.

use super::{SiteDesk, held, text, words};
use crate::model::Reference;
use crate::store::AuditCheck;
use crate::tui::Desk as _;
use crate::tui::desk::Sheet;
use crate::tui::registers::{Register, RegisterPage, audit, bases, doctor, outbox};

/// How the audit chain stands, in words.
pub(super) type Chain = Result<String, String>;

impl SiteDesk {
    pub(super) fn rows_of(
        &self,
        register: Register,
        text: &str,
        offset: u64,
        limit: usize,
    ) -> Result<RegisterPage, String> {
        let (site, now) = (&self.site, self.now());
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let all = |rows| RegisterPage::of_all(rows, text, offset, limit);
        Ok(match register {
            Register::Bases => {
                let rows = site.base_rows().map_err(words)?;
                all(rows.iter().map(|row| bases::row(row, now)).collect())
            }
            Register::Audit => {
                let page = site.queue().audit_page(text, offset, most);
                let page = page.map_err(|e| e.to_string())?;
                let entries = page.entries.iter();
                let rows = entries.map(|(entry, slug)| audit::row(entry, slug.as_ref()));
                RegisterPage {
                    total: page.total,
                    rows: rows.collect(),
                }
            }
            Register::Outbox => {
                let page = site.queue().mail_page(text, offset, most);
                let (total, mails) = page.map_err(|e| e.to_string())?;
                RegisterPage {
                    total,
                    rows: mails.iter().map(outbox::row).collect(),
                }
            }
            Register::Doctor => {
                let checks = site.doctor();
                let rows = checks.iter().map(doctor::check_row);
                let rows = rows.chain(doctor::chart_rows()).collect();
                *held(&self.checks) = checks;
                all(rows)
            }
        })
    }

    pub(super) fn sheet_of(&self, register: Register, key: &str) -> Result<Sheet, String> {
        let (site, gone) = (&self.site, || format!("there is no `{key}` any more"));
        match register {
            Register::Bases => {
                let (name, looked) = match key.strip_prefix("findings ") {
                    Some(name) => (name, true),
                    None => (key, false),
                };
                let reference = name.parse::<Reference>().map_err(text)?;
                let story = site.base_story(&reference, looked).map_err(words)?;
                Ok(bases::sheet(&story, self.now()))
            }
            Register::Audit => {
                let number = key.parse().map_err(|_| gone())?;
                let entry = site.queue().audit_entry(number).map_err(text)?;
                Ok(audit::sheet(&entry, &self.chain()?))
            }
            Register::Outbox => {
                let mail = site.queue().mail(key.parse().map_err(|_| gone())?);
                Ok(outbox::sheet(&mail.map_err(text)?))
            }
            Register::Doctor => match key.split_once(' ') {
                Some(("check", name)) => {
                    let checks = held(&self.checks);
                    let check = checks.iter().find(|check| check.name == name);
                    check.map(doctor::check_sheet)
                }
                Some(("chart", name)) => {
                    let figures = site.queue().figures().map_err(text)?;
                    doctor::chart_sheet(name, &figures)
                }
                _ => None,
            }
            .ok_or_else(gone),
        }
    }

    fn chain(&self) -> Result<Chain, String> {
        let count = held(&self.news).count;
        let mut known = held(&self.chain);
        if let Some((at, chain)) = &*known
            && *at == count
        {
            return Ok(chain.clone());
        }
        let chain = match self.site.queue().verify_audit().map_err(text)? {
            AuditCheck::Intact { entries, .. } => Ok(format!("{entries} entries, unbroken")),
            AuditCheck::Broken { number, why } => Err(format!("broken at entry {number}: {why}")),
        };
        *known = Some((count, chain.clone()));
        Ok(chain)
    }
}
