//! The ignore file of a folder, or of a Dockerfile that was named: `NAME.dockerignore` beside it goes before the
//! folder's own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use std::os::fd::BorrowedFd;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::error::{Fault, IntakeError};
use super::folder::{below, gone};
use super::ignore::{FILE_LIMIT, Ignore};

/// An ignore file as it was read; an empty one where there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct IgnoreFile {
    name: String,
    bytes: Vec<u8>,
}

impl IgnoreFile {
    /// Reads the one beside `dockerfile`; none if there is none.
    pub(super) fn beside(dockerfile: &Path) -> Result<Option<Self>, IntakeError> {
        let mut path = dockerfile.as_os_str().to_owned();
        path.push(".dockerignore");
        let name = Path::new(&path).display().to_string();
        match File::open(&path) {
            Ok(file) => Self::read(name, file).map(Some),
            Err(error) if is_not_there(&error) => Ok(None),
            Err(error) => Err(IntakeError::reading(&name, error)),
        }
    }

    /// Reads the first of `names` that `folder` has.
    pub(super) fn within(folder: BorrowedFd<'_>, names: &[&str]) -> Result<Self, IntakeError> {
        for name in names {
            match below(folder, name, OFlags::empty()) {
                Ok(file) => return Self::read((*name).into(), file.into()),
                Err(Errno::NOENT) => {}
                Err(Errno::LOOP) => return Err(IntakeError::entry(*name, Fault::NotAFile)),
                Err(error) => return Err(gone(name, error)),
            }
        }
        Ok(Self::default())
    }

    fn read(name: String, file: File) -> Result<Self, IntakeError> {
        let reading = |error| IntakeError::reading(&name, error);
        if !file.metadata().map_err(reading)?.is_file() {
            return Err(IntakeError::entry(&name, Fault::NotAFile));
        }
        let mut bytes = Vec::new();
        file.take(FILE_LIMIT + 1)
            .read_to_end(&mut bytes)
            .map_err(reading)?;
        Ok(Self { name, bytes })
    }

    pub(super) fn patterns(&self) -> Result<Ignore, IntakeError> {
        Ignore::parse(&self.name, &self.bytes)
    }
}

fn is_not_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
