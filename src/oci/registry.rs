//! A repository in a registry: manifests, blobs, referrers.
//!
//! What is sent goes through oci-client. What is read is read here, because oci-client takes an answer of any length into
//! memory and waits for it as long as it drips: a stranger's answer is bounded in bytes and in time, and checked by
//! whoever asked for it.

mod answer;
mod credentials;
mod error;
mod login;

use std::future::Future;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference as Address, RegistryOperation};
use reqwest::StatusCode;

pub use error::RegistryError;

use super::blob::{BlobWriter, VerifiedReader};
use super::manifest::{Descriptor, Index};
use super::media;
use super::store::MANIFEST_LIMIT;
use crate::model::{Digest, Reference};
use answer::{ANSWER, patience, redirects, short};
use error::chain;
use login::Pass;

const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);
const CHUNK: usize = 256 << 10;
/// So much of what a registry says when it fails is read.
const EXCUSE_LIMIT: usize = 64 << 10;
const ACCEPT: [&str; 4] = [
    media::MANIFEST,
    media::INDEX,
    media::DOCKER_MANIFEST,
    media::DOCKER_INDEX,
];

/// How registries are spoken to.
#[derive(Debug, Clone, Default)]
pub struct RegistrySettings {
    /// Speak plain HTTP to hosts other than this one.
    pub insecure: bool,
    /// Docker's `config.json` with logins, if they are to be used.
    pub docker_config: Option<PathBuf>,
}

impl RegistrySettings {
    /// With the logins that `docker login` left for the user who runs this.
    pub fn of_user() -> Self {
        let folder = std::env::var_os("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| {
                let home = directories::BaseDirs::new()?;
                Some(home.home_dir().join(".docker"))
            });
        Self {
            insecure: false,
            docker_config: folder.map(|f| f.join("config.json")),
        }
    }
}

/// A manifest as a registry sent it. Its digest was not checked against anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentManifest {
    /// What the registry says it is.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One repository in a registry.
pub struct Repository {
    inner: Arc<Inner>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Inner {
    client: oci_client::Client,
    http: reqwest::Client,
    auth: RegistryAuth,
    scheme: &'static str,
    /// Whether we speak to it in the clear.
    plain: bool,
    host: String,
    name: String,
    registry: String,
}

impl Repository {
    /// The repository that `reference` names. Nothing is sent yet.
    ///
    /// # Errors
    /// If the logins can't be read or the client can't start.
    pub fn open(reference: &Reference, settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let registry = reference.registry().to_owned();
        let address = Address::with_tag(
            registry.clone(),
            reference.repository().to_owned(),
            "latest".into(),
        );
        let host = address.resolve_registry().to_owned();
        let local = is_loopback(&host);
        let plain = local || settings.insecure;
        let auth = match &settings.docker_config {
            Some(path) => credentials::find(path, &registry)?,
            None => RegistryAuth::Anonymous,
        };
        let start = |e: &dyn std::error::Error| RegistryError::Start(chain(e));
        let mut config = ClientConfig {
            protocol: if plain {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            use_monolithic_push: true,
            read_timeout: Some(SILENCE),
            connect_timeout: Some(CONNECT),
            user_agent: concat!("flareo/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let mut http = reqwest::Client::builder()
            .read_timeout(SILENCE)
            .connect_timeout(CONNECT)
            .redirect(redirects(plain))
            .user_agent(config.user_agent);
        if local {
            // No proxy stands between us and this very host. oci-client has no word for that but a proxy for nobody.
            http = http.no_proxy();
            config.http_proxy = Some("http://127.0.0.1:9".into());
            config.no_proxy = Some("localhost,127.0.0.0/8,::1/128".into());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("registry")
            .enable_all()
            .build()
            .map_err(|e| start(&e))?;
        Ok(Self {
            inner: Arc::new(Inner {
                client: oci_client::Client::try_from(config).map_err(|e| start(&e))?,
                http: http.build().map_err(|e| start(&e))?,
                auth,
                scheme: if plain { "http" } else { "https" },
                plain,
                host,
                name: reference.repository().to_owned(),
                registry,
            }),
            runtime: Some(runtime),
        })
    }

    /// The manifest or index under a tag or a digest, at most [`MANIFEST_LIMIT`] bytes of it; none if there is none.
    ///
    /// # Errors
    /// If the registry can't be asked, refuses, or sends more.
    pub fn manifest(&self, name: &str) -> Result<Option<SentManifest>, RegistryError> {
        let name = name.to_owned();
        self.wait(|inner| async move {
            let path = format!("manifests/{name}");
            inner.get(&path, &name, &ACCEPT.join(", ")).await
        })
    }

    /// What speaks of the manifest `digest`, by the referrers API; none if the registry doesn't have that API.
    ///
    /// # Errors
    /// If the registry can't be asked, refuses, or sends something else.
    pub fn referrers(&self, digest: Digest) -> Result<Option<Index>, RegistryError> {
        self.wait(move |inner| async move {
            let path = format!("referrers/{digest}");
            let Some(sent) = inner.get(&path, &digest.to_string(), media::INDEX).await? else {
                return Ok(None);
            };
            let index = Index::parse(&sent.bytes);
            let index = index.map_err(|e| inner.failed("list", digest.to_string(), &e))?;
            Ok(Some(index))
        })
    }

    /// Fetches a blob into `writer`, no byte more than the descriptor says. The caller commits it.
    ///
    /// # Errors
    /// If the registry can't be asked, refuses, or sends something else.
    pub fn blob(&self, blob: &Descriptor, writer: BlobWriter) -> Result<BlobWriter, RegistryError> {
        let (digest, size) = (blob.digest.to_string(), blob.size);
        self.wait(move |inner| async move { inner.blob(digest, size, writer).await })
    }

    /// Whether the repository holds a blob.
    ///
    /// # Errors
    /// If the registry can't be asked or refuses.
    pub fn has_blob(&self, digest: Digest) -> Result<bool, RegistryError> {
        let digest = digest.to_string();
        self.wait(|inner| async move {
            inner.login_to_push().await?;
            let address = inner.address(&digest);
            let held = inner.client.blob_exists(&address, &digest).await;
            held.map_err(|e| inner.error("look for", digest, e))
        })
    }

    /// Sends a blob.
    ///
    /// # Errors
    /// If the registry can't be asked or refuses, or the blob is damaged.
    pub fn push_blob(&self, digest: Digest, blob: VerifiedReader) -> Result<(), RegistryError> {
        let digest = digest.to_string();
        self.wait(|inner| async move {
            inner.login_to_push().await?;
            let address = inner.address(&digest);
            let size = blob.size();
            let chunks = futures_util::stream::try_unfold(blob, |mut blob| async move {
                let mut chunk = vec![0; CHUNK];
                let n = blob.read(&mut chunk)?;
                chunk.truncate(n);
                Ok::<_, OciDistributionError>((n > 0).then(|| (chunk.into(), blob)))
            });
            let pushed = inner
                .client
                .push_blob_stream(&address, chunks, &digest, Some(size))
                .await;
            match pushed {
                Ok(_) => Ok(()),
                Err(e) => Err(inner.error("take", digest, e)),
            }
        })
    }

    /// Sends a manifest under a tag or its digest.
    ///
    /// # Errors
    /// If the registry can't be asked or refuses.
    pub fn push_manifest(
        &self,
        name: &str,
        media_type: &str,
        bytes: Vec<u8>,
    ) -> Result<(), RegistryError> {
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        self.wait(|inner| async move {
            inner.login_to_push().await?;
            let address = inner.address(&name);
            let content_type = reqwest::header::HeaderValue::from_str(&media_type)
                .map_err(|e| inner.failed("take", name.clone(), &e))?;
            let pushed = inner
                .client
                .push_manifest_raw(&address, bytes, content_type)
                .await;
            match pushed {
                Ok(_) => Ok(()),
                Err(e) => Err(inner.error("take", name, e)),
            }
        })
    }

    /// Runs `work` on the client's own thread. The caller may itself be inside another runtime.
    fn wait<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T, RegistryError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RegistryError>> + Send + 'static,
    {
        let stopped = || RegistryError::Start("its thread stopped".into());
        let runtime = self.runtime.as_ref().ok_or_else(stopped)?;
        let work = work(self.inner.clone());
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        runtime.spawn(async move {
            let _ = sender.send(work.await);
        });
        receiver.recv().map_err(|_| stopped())?
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Plain dropping waits, which is not allowed inside another runtime.
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({}/{})", self.inner.host, self.inner.name)
    }
}

impl Inner {
    /// `name` is a tag or a digest.
    fn address(&self, name: &str) -> Address {
        let (registry, repository) = (self.registry.clone(), self.name.clone());
        if name.starts_with("sha256:") {
            Address::with_digest(registry, repository, name.to_owned())
        } else {
            Address::with_tag(registry, repository, name.to_owned())
        }
    }

    async fn login_to_push(&self) -> Result<(), RegistryError> {
        let auth = match self.pass("pull,push", "write").await? {
            Pass::Token(token) => RegistryAuth::Bearer(token),
            Pass::Own => self.auth.clone(),
        };
        let address = self.address("latest");
        let operation = RegistryOperation::Push;
        match self.client.auth(&address, &auth, operation).await {
            Ok(_) => Ok(()),
            Err(OciDistributionError::AuthenticationFailure(_)) => Err(self.unauthorized("write")),
            Err(e) => Err(self.error("write", self.name.clone(), e)),
        }
    }

    /// Asks for something of the repository.
    async fn ask(
        &self,
        path: &str,
        accept: &str,
        patience: Duration,
    ) -> Result<reqwest::Response, RegistryError> {
        let pass = self.pass("pull", "read").await?;
        let url = format!("{}://{}/v2/{}/{path}", self.scheme, self.host, self.name);
        let request = self
            .http
            .get(url)
            .header("Accept", accept)
            .timeout(patience);
        let request = match (pass, &self.auth) {
            (Pass::Token(token), _) => request.bearer_auth(token),
            (Pass::Own, RegistryAuth::Basic(user, password)) => {
                request.basic_auth(user, Some(password))
            }
            (Pass::Own, _) => request,
        };
        request.send().await.map_err(|e| self.unreachable(&e))
    }

    /// What an answer that is not what was asked for means.
    async fn excuse(&self, response: reqwest::Response, what: &str) -> RegistryError {
        let status = response.status();
        match status {
            StatusCode::NOT_FOUND => RegistryError::NotFound {
                host: self.host.clone(),
                what: what.to_owned(),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.unauthorized("read"),
            _ => {
                // What it says beside that is for people, and not worth another error.
                let said = short(response, EXCUSE_LIMIT).await.unwrap_or_default();
                let why = format!("{status}: {}", String::from_utf8_lossy(&said));
                self.failed("send", what.to_owned(), &io::Error::other(why))
            }
        }
    }

    async fn get(
        &self,
        path: &str,
        what: &str,
        accept: &str,
    ) -> Result<Option<SentManifest>, RegistryError> {
        let response = self.ask(path, accept, ANSWER).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.excuse(response, what).await),
        }
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.split(';').next().unwrap_or(value).trim().to_owned())
        };
        let media_type = header("Content-Type").unwrap_or_default();
        let said = header("Docker-Content-Digest").and_then(|said| said.parse::<Digest>().ok());
        let limit = usize::try_from(MANIFEST_LIMIT).unwrap_or(usize::MAX);
        let failed = |e: &dyn std::error::Error| self.failed("send", what.to_owned(), e);
        let bytes = short(response, limit).await.map_err(|e| failed(&*e))?;
        if let Some(said) = said {
            let found = Digest::of(&bytes);
            if said != found {
                let why = format!("it says that it sends {said} and sends {found}");
                return Err(failed(&io::Error::other(why)));
            }
        }
        Ok(Some(SentManifest { media_type, bytes }))
    }

    async fn blob(
        &self,
        digest: String,
        size: u64,
        mut writer: BlobWriter,
    ) -> Result<BlobWriter, RegistryError> {
        let path = format!("blobs/{digest}");
        let mut response = self.ask(&path, "*/*", patience(size)).await?;
        if response.status() != StatusCode::OK {
            return Err(self.excuse(response, &digest).await);
        }
        let failed = |why: String| self.failed("send", digest.clone(), &io::Error::other(why));
        if let Some(announced) = response.content_length()
            && announced != size
        {
            let why = format!("it is {announced} bytes long there, its manifest says {size}");
            return Err(failed(why));
        }
        let mut left = size;
        while let Some(chunk) = response.chunk().await.map_err(|e| failed(chain(&e)))? {
            left = left
                .checked_sub(chunk.len() as u64)
                .ok_or_else(|| failed("it sends more than its manifest says".into()))?;
            writer
                .write_all(&chunk)
                .map_err(|e| RegistryError::NotKept {
                    host: self.host.clone(),
                    why: e.to_string(),
                })?;
        }
        Ok(writer)
    }

    fn unreachable(&self, error: &reqwest::Error) -> RegistryError {
        RegistryError::Unreachable {
            host: self.host.clone(),
            why: chain(error),
        }
    }

    fn unauthorized(&self, doing: &'static str) -> RegistryError {
        RegistryError::Unauthorized {
            host: self.host.clone(),
            doing,
            what: self.name.clone(),
        }
    }

    fn failed(
        &self,
        doing: &'static str,
        what: String,
        error: &dyn std::error::Error,
    ) -> RegistryError {
        RegistryError::Failed {
            host: self.host.clone(),
            doing,
            what,
            why: chain(error),
        }
    }

    fn error(
        &self,
        doing: &'static str,
        what: String,
        error: OciDistributionError,
    ) -> RegistryError {
        let host = || self.host.clone();
        match error {
            OciDistributionError::RequestError(e) if e.status().is_none() => {
                RegistryError::Unreachable {
                    host: host(),
                    why: chain(&e),
                }
            }
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => {
                let doing = if doing == "send" { "read" } else { "write" };
                self.unauthorized(doing)
            }
            OciDistributionError::ImageManifestNotFoundError(_)
            | OciDistributionError::ServerError { code: 404, .. } => {
                RegistryError::NotFound { host: host(), what }
            }
            e => self.failed(doing, what, &e),
        }
    }
}

/// Whether `host[:port]` is this very machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let address = name.parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.org",
            "128.0.0.1:80",
            "example.org:5000",
            "127.0.0.1.example.org",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_registry_that_is_not_there_is_unreachable() {
        let reference = "127.0.0.1:9/a/b:1".parse().unwrap();
        let repository = Repository::open(&reference, &RegistrySettings::default()).unwrap();
        let error = repository.manifest("1").unwrap_err();
        assert!(
            matches!(error, RegistryError::Unreachable { .. }),
            "{error}"
        );
    }

    #[test]
    fn it_works_inside_another_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let reference = "127.0.0.1:9/a/b:1".parse().unwrap();
            let repository = Repository::open(&reference, &RegistrySettings::default()).unwrap();
            assert!(repository.manifest("1").is_err());
        });
    }
}
