//! Trivy's vulnerability database: is it here, is it fresh, what does it say of a package.
//!
//! Both scanners stand on it: Trivy reads it by itself, but passes images of releases that the database says nothing
//! about, so what it holds is looked up here first.

mod advisory;
mod bolt;
mod draft;
mod tree;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

pub use advisory::{Advisory, Details};
pub(super) use advisory::{rate, severity_word};
pub use bolt::BoltError;
pub use draft::{Draft, DraftError};

use crate::model::policy::ScanPolicy;
use crate::model::{Digest, Timestamp};
use bolt::{Bolt, Bucket, Value};

/// The database's file, in the `db` folder of Trivy's cache folder.
const DATABASE_FILE: &str = "trivy.db";
/// What is said about it.
const METADATA_FILE: &str = "metadata.json";
/// The version of the schema that we and Trivy read.
const SCHEMA: u64 = 2;
/// A longer record is refused.
const METADATA_LIMIT: u64 = 64 << 10;
/// How far ahead of our clock the database's may be.
const CLOCK_SLACK_HOURS: i64 = 24;

/// Why there is nothing to scan with.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It is not there.
    #[error("no vulnerability database in {}", folder.display())]
    Missing {
        /// Where it should be.
        folder: PathBuf,
    },
    /// A file can't be read.
    #[error("cannot read the vulnerability database's {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the host said.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("the vulnerability database {} cannot be used: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It is older than the policy allows.
    #[error(
        "the vulnerability database is of {updated_at}, and the policy allows {allowed_hours} hours"
    )]
    Stale {
        /// When it was made.
        updated_at: Timestamp,
        /// How old it may be.
        allowed_hours: u64,
    },
    /// It is from the future: one of two clocks is wrong.
    #[error("the vulnerability database is of {updated_at}, which is still to come")]
    Future {
        /// When it says that it was made.
        updated_at: Timestamp,
    },
}

impl DatabaseError {
    /// What to do about it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "put Trivy's database (trivy.db and metadata.json) into the folder `trivy/db` of the state folder"
            }
            Self::Io { .. } | Self::Damaged { .. } => {
                "replace trivy.db and metadata.json by a fresh copy of Trivy's database"
            }
            Self::Stale { .. } => {
                "update Trivy's database, or raise `scan.database_max_age_hours` in the policy"
            }
            Self::Future { .. } => "set this host's clock, or replace the database",
        }
    }
}

/// The database, open at one state of its file.
#[derive(Debug)]
pub struct Database {
    folder: PathBuf,
    path: PathBuf,
    bolt: Bolt,
    digest: Digest,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    version: u64,
    updated_at: Timestamp,
}

/// Of when the database in `cache` is: reads no more than the small file beside it.
///
/// # Errors
/// If there is none, or that file is damaged.
pub fn date_in(cache: &Path) -> Result<Timestamp, DatabaseError> {
    Ok(metadata(&cache.join("db"))?.updated_at)
}

fn metadata(folder: &Path) -> Result<Metadata, DatabaseError> {
    let path = folder.join(METADATA_FILE);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(METADATA_LIMIT).read_to_end(&mut bytes));
    read.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DatabaseError::Missing {
            folder: folder.to_owned(),
        },
        _ => DatabaseError::Io {
            path: path.clone(),
            source,
        },
    })?;
    let damaged = |why: String| DatabaseError::Damaged {
        path: path.clone(),
        why,
    };
    let metadata: Metadata = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    if metadata.version != SCHEMA {
        let why = format!("its schema is version {}, not {SCHEMA}", metadata.version);
        return Err(damaged(why));
    }
    Ok(metadata)
}

impl Database {
    /// Opens the database in `cache`, Trivy's cache folder, and reads it once for its digest.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn open(cache: &Path) -> Result<Self, DatabaseError> {
        let folder = cache.join("db");
        let path = folder.join(DATABASE_FILE);
        let io = |path: &Path| {
            let (folder, path) = (folder.clone(), path.to_owned());
            move |source: std::io::Error| match source.kind() {
                std::io::ErrorKind::NotFound => DatabaseError::Missing { folder },
                _ => DatabaseError::Io { path, source },
            }
        };
        let file = File::open(&path).map_err(io(&path))?;
        let metadata = metadata(&folder)?;
        let damaged = |path: &Path, why: String| DatabaseError::Damaged {
            path: path.to_owned(),
            why,
        };
        let digest = digest(&file).map_err(io(&path))?;
        let bolt = Bolt::open(file).map_err(|e| damaged(&path, e.to_string()))?;
        let database = Self {
            folder,
            path,
            bolt,
            digest,
            updated_at: metadata.updated_at,
        };
        if !database.has_bucket("vulnerability")? {
            return Err(database.damaged("it has no `vulnerability` bucket"));
        }
        Ok(database)
    }

    /// The digest of its file.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// When it was made.
    pub const fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The folder with its two files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it is as fresh as the policy asks.
    ///
    /// # Errors
    /// If it is older, or from the future.
    pub fn check_age(&self, now: Timestamp, policy: &ScanPolicy) -> Result<(), DatabaseError> {
        let age = now.duration_since(self.updated_at).as_hours();
        if age < -CLOCK_SLACK_HOURS {
            return Err(DatabaseError::Future {
                updated_at: self.updated_at,
            });
        }
        let allowed_hours = policy.database_max_age_hours;
        if age >= 0 && age.unsigned_abs() >= allowed_hours {
            return Err(DatabaseError::Stale {
                updated_at: self.updated_at,
                allowed_hours,
            });
        }
        Ok(())
    }

    /// Whether it has the outermost bucket `name`, as `debian 12`.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn has_bucket(&self, name: &str) -> Result<bool, DatabaseError> {
        self.said(self.bolt.bucket(&self.bolt.root(), name.as_bytes()))
            .map(|bucket| bucket.is_some())
    }

    /// Whether it has an outermost bucket whose name begins with `prefix`, as `npm::`.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn has_buckets(&self, prefix: &str) -> Result<bool, DatabaseError> {
        let mut found = false;
        self.said(
            self.bolt
                .each(&self.bolt.root(), prefix.as_bytes(), &mut |_, value| {
                    found |= matches!(value, Value::Bucket(_));
                    Ok::<(), BoltError>(())
                }),
        )?;
        Ok(found)
    }

    /// Every advisory on `package` in the bucket `source` (`debian 12`).
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn advisories(&self, source: &str, package: &str) -> Result<Vec<Advisory>, DatabaseError> {
        let bucket = self.said(self.bolt.bucket(&self.bolt.root(), source.as_bytes()))?;
        let mut advisories = Vec::new();
        if let Some(bucket) = bucket {
            self.collect(&bucket, source, package, &mut advisories)?;
        }
        Ok(advisories)
    }

    /// Every advisory on `package` in the buckets whose names begin with `prefix` (`npm::`).
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn advisories_of_all(
        &self,
        prefix: &str,
        package: &str,
    ) -> Result<Vec<Advisory>, DatabaseError> {
        let mut buckets = Vec::new();
        self.said(
            self.bolt
                .each(&self.bolt.root(), prefix.as_bytes(), &mut |name, value| {
                    if let Value::Bucket(bucket) = value {
                        buckets.push((String::from_utf8_lossy(name).into_owned(), bucket));
                    }
                    Ok::<(), BoltError>(())
                }),
        )?;
        let mut advisories = Vec::new();
        for (name, bucket) in &buckets {
            self.collect(bucket, name, package, &mut advisories)?;
        }
        Ok(advisories)
    }

    /// What is known of the vulnerability `id`.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn details(&self, id: &str) -> Result<Option<Details>, DatabaseError> {
        let bucket = self.said(self.bolt.bucket(&self.bolt.root(), b"vulnerability"))?;
        let Some(bucket) = bucket else {
            return Ok(None);
        };
        match self.said(self.bolt.get(&bucket, id.as_bytes()))? {
            Some(Value::Bytes(json)) => serde_json::from_slice(&json)
                .map(Some)
                .map_err(|e| self.damaged(&format!("vulnerability {id}: {e}"))),
            _ => Ok(None),
        }
    }

    fn collect(
        &self,
        bucket: &Bucket,
        source: &str,
        package: &str,
        into: &mut Vec<Advisory>,
    ) -> Result<(), DatabaseError> {
        let Some(bucket) = self.said(self.bolt.bucket(bucket, package.as_bytes()))? else {
            return Ok(());
        };
        let data_source = self.data_source(source)?;
        self.bolt
            .each(&bucket, b"", &mut |id, value| {
                let Value::Bytes(json) = value else {
                    return Ok(());
                };
                let id = String::from_utf8_lossy(id).into_owned();
                let mut advisory: Advisory = serde_json::from_slice(&json)
                    .map_err(|e| self.damaged(&format!("{source}, {package}, {id}: {e}")))?;
                advisory.id = id;
                advisory.data_source.clone_from(&data_source);
                into.push(advisory);
                Ok(())
            })
            .map_err(|e: Stop| match e {
                Stop::Bolt(e) => self.damaged(&e.to_string()),
                Stop::Record(e) => e,
            })
    }

    /// The id of the data source behind the bucket `name`, as `ghsa`.
    fn data_source(&self, name: &str) -> Result<String, DatabaseError> {
        #[derive(Deserialize)]
        struct Source {
            #[serde(rename = "ID", default)]
            id: String,
        }
        let sources = self.said(self.bolt.bucket(&self.bolt.root(), b"data-source"))?;
        let Some(sources) = sources else {
            return Ok(String::new());
        };
        match self.said(self.bolt.get(&sources, name.as_bytes()))? {
            Some(Value::Bytes(json)) => serde_json::from_slice::<Source>(&json)
                .map(|source| source.id)
                .map_err(|e| self.damaged(&format!("data source {name}: {e}"))),
            _ => Ok(String::new()),
        }
    }

    fn said<T>(&self, result: Result<T, BoltError>) -> Result<T, DatabaseError> {
        result.map_err(|e| self.damaged(&e.to_string()))
    }

    fn damaged(&self, why: &str) -> DatabaseError {
        DatabaseError::Damaged {
            path: self.path.clone(),
            why: why.to_owned(),
        }
    }
}

/// Why a walk over advisories stopped.
enum Stop {
    Bolt(BoltError),
    Record(DatabaseError),
}

impl From<BoltError> for Stop {
    fn from(error: BoltError) -> Self {
        Self::Bolt(error)
    }
}

impl From<DatabaseError> for Stop {
    fn from(error: DatabaseError) -> Self {
        Self::Record(error)
    }
}

fn digest(mut file: &File) -> std::io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Links the database of `cache` into `place`, a cache folder of its own: what is read there stays what it is, also
/// when the original's name is given to a newer file.
pub(super) fn pin(cache: &Path, place: &Path) -> Result<(), DatabaseError> {
    let folder = place.join("db");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| DatabaseError::Io { path, source }
    };
    fs::create_dir_all(&folder).map_err(io(&folder))?;
    for name in [DATABASE_FILE, METADATA_FILE] {
        let original = cache.join("db").join(name);
        let from = fs::canonicalize(&original).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => DatabaseError::Missing {
                folder: cache.join("db"),
            },
            _ => DatabaseError::Io {
                path: original,
                source,
            },
        })?;
        let to = folder.join(name);
        if fs::hard_link(&from, &to).is_err() {
            std::os::unix::fs::symlink(&from, &to).map_err(io(&to))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
