//! An OCI layout that holds one image and nothing else: of a layout with several, Trivy reads the first.

use std::fs;
use std::path::Path;

use crate::model::Digest;
use crate::oci::{Descriptor, Index, Store};
use crate::scan::error::ScanError;
use crate::scan::survey::Survey;

/// Writes the layout of the image that `survey` is about to `folder`; its blobs are links into `store`.
pub(super) fn write(store: &Store, survey: &Survey, folder: &Path) -> Result<(), ScanError> {
    let host = || ScanError::host("lay the image out for Trivy");
    let whole = ScanError::image(survey.image);
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(host())?;
    let manifest = &survey.manifest;
    let mut digests: Vec<Digest> = vec![survey.image, manifest.config.digest];
    digests.extend(manifest.layers.iter().map(|layer| layer.digest));
    digests.sort_unstable();
    digests.dedup();
    for digest in digests {
        let from = fs::canonicalize(store.path(digest)).map_err(host())?;
        let to = blobs.join(digest.hex());
        if fs::hard_link(&from, &to).is_err() {
            std::os::unix::fs::symlink(&from, &to).map_err(host())?;
        }
    }
    let size = store.size(survey.image).map_err(&whole)?;
    let entry = Descriptor::new(manifest.media_type.clone(), survey.image, size);
    let index = Index::new(vec![entry]).to_bytes().map_err(&whole)?;
    fs::write(folder.join("index.json"), index).map_err(host())?;
    let version = r#"{"imageLayoutVersion":"1.0.0"}"#;
    fs::write(folder.join("oci-layout"), version).map_err(host())
}
