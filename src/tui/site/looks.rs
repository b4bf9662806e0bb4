//! What lies beside a submission, a build or a module, as sheets.

use super::{SiteDesk, text, words};
use crate::model::SubmissionId;
use crate::pipeline::Target;
use crate::tui::desk::{Look, Sheet};
use crate::tui::{build_sheets, module_sheets, sheets};

impl SiteDesk {
    pub(super) fn look_at(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String> {
        match look {
            Look::Files => self
                .site
                .context_files(id, "")
                .map(|files| sheets::files(&files)),
            Look::File(path) => self
                .site
                .context_file(id, path)
                .map(|file| sheets::file(&file)),
            Look::Build => self
                .site
                .effective_build(id)
                .map(|build| sheets::build(&build)),
            Look::Forecast => self
                .site
                .forecast(id)
                .map(|forecast| sheets::forecast(&forecast)),
            Look::Packages | Look::Provenance | Look::Layers | Look::Findings => {
                return self.look_at_module(id, look);
            }
            Look::Scan => self
                .site
                .scan_of(id)
                .map(|report| build_sheets::scan(&report)),
            Look::Network => self
                .site
                .connections(id)
                .map(|ledger| build_sheets::network(&ledger)),
        }
        .map_err(words)
    }

    /// What is said in a signed document is shown once the signature was verified, and not before.
    fn look_at_module(&self, id: SubmissionId, look: &Look) -> Result<Sheet, String> {
        let site = &self.site;
        let module = site.queue().module_of(id).map_err(text)?;
        let module = module.ok_or_else(|| format!("submission {id} is not in the catalog"))?;
        let verified = || {
            let target = Target::Image(module.digest);
            let verified = site.verify(&target, None).map_err(words)?;
            let first = verified.into_iter().next();
            first.ok_or_else(|| "nothing is kept beside it".to_owned())
        };
        match look {
            Look::Packages => Ok(module_sheets::packages(&verified()?.sbom)),
            Look::Provenance => Ok(module_sheets::provenance(&verified()?.provenance)),
            Look::Layers => site
                .module_layers(&module)
                .map(|layers| module_sheets::layers(&layers))
                .map_err(words),
            _ => site
                .module_findings(&module)
                .map(|findings| module_sheets::findings(&findings))
                .map_err(words),
        }
    }
}
