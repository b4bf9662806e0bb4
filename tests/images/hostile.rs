//! A registry that lies, never ends, asks for logins.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use flareo::bases::{BaseError, ImportOptions, Imported, import};
use flareo::model::Digest;
use flareo::model::image::Platform;
use flareo::oci::registry::RegistrySettings;
use flareo::oci::{Descriptor, ImageConfig, Manifest, RootFs, Store, media};

struct Request {
    path: String,
    host: String,
    authorization: Option<String>,
}

enum Answer {
    Ok(&'static str, Vec<u8>),
    Endless,
    Status(&'static str, String, Vec<u8>),
    /// A status, and a body without end.
    Raving(&'static str),
    /// A length, and less or more than that.
    Miscounted(usize, Vec<u8>),
}

/// Serves `answer` on loopback, a thread a connection, until the test's process ends.
fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || connection(stream, &*answer));
        }
    });
    address
}

fn connection(mut stream: TcpStream, answer: &dyn Fn(&Request) -> Answer) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut request = Request {
        path,
        host: String::new(),
        authorization: None,
    };
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                request.authorization = Some(value.to_owned());
            }
            Some((name, value)) if name.eq_ignore_ascii_case("host") => {
                request.host = value.to_owned();
            }
            _ => {}
        }
    }
    let head =
        |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
    match answer(&request) {
        Answer::Ok(kind, body) => {
            let more = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
            stream.write_all(head("200 OK", &more).as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
        Answer::Endless => {
            let more = format!("Content-Type: {}\r\n", media::MANIFEST);
            stream.write_all(head("200 OK", &more).as_bytes()).ok()?;
            while stream.write_all(&[b' '; 1 << 16]).is_ok() {}
            None
        }
        Answer::Raving(status) => {
            stream.write_all(head(status, "").as_bytes()).ok()?;
            while stream.write_all(&[b'{'; 1 << 16]).is_ok() {}
            None
        }
        Answer::Miscounted(length, body) => {
            let more = format!(
                "Content-Type: {}\r\nContent-Length: {length}\r\n",
                media::MANIFEST
            );
            stream.write_all(head("200 OK", &more).as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
        Answer::Status(status, header, body) => {
            let more = format!("{header}Content-Length: {}\r\n", body.len());
            stream.write_all(head(status, &more).as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
    }
}

fn not_found() -> Answer {
    Answer::Status("404 Not Found", String::new(), Vec::new())
}

/// An image of one plain layer.
struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl Image {
    fn new() -> Self {
        let layer = vec![0; 4096];
        let config = ImageConfig {
            architecture: Platform::host().architecture,
            os: "linux".into(),
            rootfs: RootFs {
                diff_ids: vec![Digest::of(&layer)],
                ..RootFs::default()
            },
            ..ImageConfig::default()
        };
        let config = config.to_bytes().unwrap();
        let manifest = Manifest::image(
            Descriptor::of(media::CONFIG, &config),
            vec![Descriptor::of(media::LAYER_TAR, &layer)],
        );
        Self {
            layer,
            config,
            manifest: manifest.to_bytes().unwrap(),
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        if request.path == "/v2/" {
            return Answer::Ok("text/plain", Vec::new());
        }
        let blob = |bytes: &Vec<u8>| Answer::Ok("application/octet-stream", bytes.clone());
        match request.path.rsplit('/').next().unwrap() {
            "v1" => Answer::Ok(media::MANIFEST, self.manifest.clone()),
            name if name == Digest::of(&self.manifest).to_string() => {
                Answer::Ok(media::MANIFEST, self.manifest.clone())
            }
            name if name == Digest::of(&self.layer).to_string() => blob(&self.layer),
            name if name == Digest::of(&self.config).to_string() => blob(&self.config),
            _ => not_found(),
        }
    }
}

fn pull(source: &str, options: &ImportOptions) -> (Store, Result<Imported, BaseError>) {
    let folder = tempfile::tempdir().unwrap().keep();
    let store = Store::open(&folder).unwrap();
    let result = import(&store, source, &Platform::host(), options);
    std::fs::remove_dir_all(folder).unwrap();
    (store, result)
}

fn refused(address: &str, name: &str) -> String {
    let (_, result) = pull(
        &format!("docker://{address}/a/b{name}"),
        &ImportOptions::default(),
    );
    result.unwrap_err().to_string()
}

#[test]
fn an_honest_one_is_believed() {
    let image = Image::new();
    let digest = Digest::of(&image.manifest);
    let address = serve(move |request| image.answer(request));
    for name in [":v1".to_owned(), format!("@{digest}")] {
        let (_, result) = pull(
            &format!("docker://{address}/a/b{name}"),
            &ImportOptions::default(),
        );
        assert_eq!(result.unwrap().digest, digest);
    }
}

#[test]
fn a_manifest_without_end_is_cut_off() {
    let address = serve(|request| match &*request.path {
        "/v2/" => Answer::Ok("text/plain", Vec::new()),
        _ => Answer::Endless,
    });
    let error = refused(&address, ":v1");
    assert!(
        error.contains("it sends more than 4194304 bytes"),
        "{error}"
    );
}

#[test]
fn another_manifest_than_the_one_asked_for_is_refused() {
    let image = Image::new();
    let found = Digest::of(&image.manifest);
    let address = serve(move |request| match request.path.contains("/manifests/") {
        true => Answer::Ok(media::MANIFEST, image.manifest.clone()),
        false => image.answer(request),
    });
    let wanted = Digest::of(b"another");
    let error = refused(&address, &format!("@{wanted}"));
    assert!(
        error.contains(&format!("expected {wanted}, found {found}")),
        "{error}"
    );
}

#[test]
fn a_blob_that_differs_is_refused_whatever_its_length() {
    for length in [4095, 4096, 4097, 1 << 20] {
        let image = Image::new();
        let layer = Digest::of(&image.layer).to_string();
        let address = serve(move |request| match request.path.ends_with(&layer) {
            true => Answer::Ok("application/octet-stream", vec![1; length]),
            false => image.answer(request),
        });
        let error = refused(&address, ":v1");
        assert!(error.contains("sha256:"), "{error}");
    }
}

/// A registry that answers `lie` to whatever of the honest image has `part` in its path.
fn lying(part: &str, lie: impl Fn(&Image, &Request) -> Answer + Send + Sync + 'static) -> String {
    let image = Image::new();
    let part = match part {
        "layer" => format!("/blobs/{}", Digest::of(&image.layer)),
        "config" => format!("/blobs/{}", Digest::of(&image.config)),
        part => part.to_owned(),
    };
    serve(move |request| match request.path.contains(&part) {
        true => lie(&image, request),
        false => image.answer(request),
    })
}

#[test]
fn answers_that_are_miscounted_are_refused() {
    let manifest = Image::new().manifest;
    for (part, length, body, said) in [
        (
            "/manifests/",
            manifest.len() + 1,
            manifest.clone(),
            "cannot reach",
        ),
        (
            "/manifests/",
            manifest.len() - 1,
            manifest.clone(),
            "the manifest is not valid",
        ),
        (
            "layer",
            4097,
            vec![0; 4096],
            "it is 4097 bytes long there, its manifest says 4096",
        ),
        (
            "layer",
            1 << 40,
            vec![0; 4096],
            "it is 1099511627776 bytes long there",
        ),
        ("layer", 4096, vec![0; 100], "failed to send sha256:"),
        ("config", 0, Vec::new(), "it is 0 bytes long there"),
    ] {
        let body = std::sync::Mutex::new(body);
        let address = lying(part, move |_, _| {
            Answer::Miscounted(length, body.lock().unwrap().clone())
        });
        let error = refused(&address, ":v1");
        assert!(
            error.contains(said) || error.contains("failed to send"),
            "{part} {length}: {error}"
        );
    }
}

#[test]
fn a_blob_without_end_and_excuses_without_end_are_cut_off() {
    for (part, status, said) in [
        ("layer", "200 OK", "it sends more than its manifest says"),
        ("layer", "500 Oops", "500 Internal Server Error"),
        ("layer", "404 Not Found", "has no sha256:"),
        ("layer", "401 Unauthorized", "does not let us read"),
        ("layer", "206 Partial Content", "206 Partial Content"),
        ("/manifests/", "503 Busy", "503 Service Unavailable"),
    ] {
        let address = lying(part, move |_, _| Answer::Raving(status));
        let error = refused(&address, ":v1");
        assert!(error.contains(said), "{status}: {error}");
        assert!(error.len() < 2000, "{status}: {}", error.len());
    }
}

#[test]
fn a_digest_that_is_not_of_what_is_sent_is_refused() {
    let lie = Digest::of(b"lie");
    let address = lying("/manifests/", move |image, _| {
        let kind = format!("Content-Type: {}\r\n", media::MANIFEST);
        Answer::Status(
            "200 OK",
            format!("{kind}Docker-Content-Digest: {lie}\r\n"),
            image.manifest.clone(),
        )
    });
    let error = refused(&address, ":v1");
    assert!(
        error.contains(&format!("it says that it sends {lie} and sends sha256:")),
        "{error}"
    );
}

#[test]
fn a_registry_sends_us_on_to_its_store_but_not_anywhere() {
    // What others do: blobs are kept elsewhere.
    let image = Image::new();
    let layer = image.layer.clone();
    let elsewhere = serve(move |request| {
        assert_eq!(request.authorization, None, "a login went to a stranger");
        Answer::Ok("application/octet-stream", layer.clone())
    });
    let address = lying("layer", move |_, _| {
        let location = format!("Location: http://{elsewhere}/any\r\n");
        Answer::Status("307 Temporary Redirect", location, Vec::new())
    });
    let (_, result) = pull(
        &format!("docker://{address}/a/b:v1"),
        &ImportOptions::default(),
    );
    assert_eq!(result.unwrap().digest, Digest::of(&image.manifest));
    for (location, said) in [
        ("/v2/a/b/manifests/v1", "it sends us on more than 5 times"),
        (
            "http://169.254.169.254/latest/meta-data",
            "which is no address of a registry",
        ),
        ("file:///etc/passwd", "cannot reach"),
        ("http://[", "cannot reach"),
    ] {
        let address = lying("/manifests/", move |_, _| {
            let location = format!("Location: {location}\r\n");
            Answer::Status("302 Found", location, Vec::new())
        });
        let error = refused(&address, ":v1");
        assert!(
            error.contains(said) || error.contains("failed to send"),
            "{location}: {error}"
        );
    }
}

#[test]
fn a_token_server_that_raves_is_cut_off_and_one_that_talks_nonsense_is_said() {
    type Lie = fn(&Request) -> Answer;
    let cases: [(Lie, &str); 6] = [
        (
            |_| Answer::Raving("200 OK"),
            "it sends more than 1048576 bytes",
        ),
        (|_| Answer::Raving("403 Forbidden"), "does not let us read"),
        (
            |_| Answer::Ok("application/json", b"{}".to_vec()),
            "its token server answers with no token",
        ),
        (
            |_| Answer::Ok("application/json", vec![b'['; 100_000]),
            "its token server answers with no token",
        ),
        (
            |_| Answer::Ok("application/json", br#"{"token":""}"#.to_vec()),
            "its token server answers with no token",
        ),
        (
            |_| Answer::Ok("application/json", br#"{"token":"a\r\nHost: b"}"#.to_vec()),
            "cannot reach",
        ),
    ];
    for (lie, said) in cases {
        let address = serve(move |request| {
            if request.path.starts_with("/token") {
                return lie(request);
            }
            let realm = format!("http://{}/token", request.host);
            let header = format!("WWW-Authenticate: Bearer realm=\"{realm}\"\r\n");
            Answer::Status("401 Unauthorized", header, Vec::new())
        });
        let error = refused(&address, ":v1");
        assert!(error.contains(said), "{said}: {error}");
    }
    for (realm, said) in [
        (
            "file:///etc/passwd",
            "it sends us to file:// for a token, which is not encrypted",
        ),
        ("nowhere", "it sends us to no address for a token"),
    ] {
        let address = serve(move |_| {
            let header = format!("WWW-Authenticate: Bearer realm=\"{realm}\"\r\n");
            Answer::Status("401 Unauthorized", header, Vec::new())
        });
        let error = refused(&address, ":v1");
        assert!(error.contains(said), "{realm}: {error}");
    }
}

#[test]
fn an_error_can_not_steer_a_terminal() {
    let address = serve(|request| match &*request.path {
        "/v2/" => Answer::Ok("text/plain", Vec::new()),
        _ => Answer::Status(
            "500 Oops",
            String::new(),
            b"\x1b[2J\x1b]0;owned\x07".to_vec(),
        ),
    });
    let error = refused(&address, ":v1");
    assert!(
        error.contains("500") && !error.contains('\x1b'),
        "{error:?}"
    );
}

#[test]
fn a_token_is_fetched_and_shown() {
    let image = Image::new();
    let digest = Digest::of(&image.manifest);
    let address = serve(move |request| {
        if request.path.starts_with("/token") {
            assert!(
                request.path.contains("scope=repository%3Aa%2Fb%3Apull"),
                "{}",
                request.path
            );
            return Answer::Ok("application/json", br#"{"token":"dG9rZW4"}"#.to_vec());
        }
        if request.authorization.as_deref() == Some("Bearer dG9rZW4") {
            return image.answer(request);
        }
        let realm = format!("http://{}/token", request.host);
        let header = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\"\r\n");
        Answer::Status("401 Unauthorized", header, Vec::new())
    });
    let (_, result) = pull(
        &format!("docker://{address}/a/b:v1"),
        &ImportOptions::default(),
    );
    assert_eq!(result.unwrap().digest, digest);
}

#[test]
fn a_login_is_used_for_its_host_only() {
    let image = Image::new();
    let digest = Digest::of(&image.manifest);
    let address = serve(move |request| {
        if request.authorization.as_deref() == Some("Basic dXNlcjpwYXNz") {
            return image.answer(request);
        }
        let header = "WWW-Authenticate: Basic realm=\"r\"\r\n".to_owned();
        Answer::Status("401 Unauthorized", header, Vec::new())
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let source = format!("docker://{address}/a/b:v1");
    for (host, works) in [(&*address, true), ("example.org", false)] {
        let text = format!(r#"{{"auths":{{"{host}":{{"auth":"dXNlcjpwYXNz"}}}}}}"#);
        std::fs::write(&path, text).unwrap();
        let options = ImportOptions {
            registry: RegistrySettings {
                docker_config: Some(path.clone()),
                ..RegistrySettings::default()
            },
            ..ImportOptions::default()
        };
        let (_, result) = pull(&source, &options);
        match result {
            Ok(imported) => assert!(works && imported.digest == digest),
            Err(e) => assert!(!works && e.to_string().contains("docker login"), "{e}"),
        }
    }
}
