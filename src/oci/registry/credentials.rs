//! The logins that `docker login` keeps.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use super::RegistryError;

const LIMIT: u64 = 1 << 20;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Login>,
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    auth: String,
}

/// The login for `registry` in Docker's `config.json` at `path`; anonymous where there is none.
pub fn find(path: &Path, registry: &str) -> Result<RegistryAuth, RegistryError> {
    let bad = |why: String| RegistryError::Credentials {
        path: path.to_owned(),
        why,
    };
    let mut text = Vec::new();
    match std::fs::File::open(path) {
        Ok(file) => file
            .take(LIMIT)
            .read_to_end(&mut text)
            .map_err(|e| bad(e.to_string()))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(RegistryAuth::Anonymous),
        Err(e) => return Err(bad(e.to_string())),
    };
    let file: File = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
    let login = file
        .auths
        .iter()
        .find(|(key, login)| !login.auth.is_empty() && host_of(key) == host_of(registry));
    let Some((key, login)) = login else {
        return Ok(RegistryAuth::Anonymous);
    };
    base64::engine::general_purpose::STANDARD
        .decode(&login.auth)
        .ok()
        .and_then(|pair| String::from_utf8(pair).ok())
        .and_then(|pair| {
            let (user, password) = pair.split_once(':')?;
            let password = password.trim_end_matches('\0');
            Some(RegistryAuth::Basic(user.into(), password.into()))
        })
        .ok_or_else(|| {
            bad(format!(
                "the login for `{}` is not base64 of NAME:PASSWORD",
                key.escape_debug()
            ))
        })
}

/// `https://index.docker.io/v1/` and `docker.io` are one; of an address only the host counts.
fn host_of(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    let host = key.split('/').next().unwrap_or(key);
    match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(registry: &str) -> Result<RegistryAuth, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let text = r#"{"credsStore":"x","auths":{"https://index.docker.io/v1/":{"auth":"YTpi"},
            "example.org:5000":{"auth":"dXNlcjpwYTpzcw=="},"bad.example":{"auth":"!"},"none.example":{}}}"#;
        std::fs::write(&path, text).unwrap();
        find(&path, registry)
    }

    #[test]
    fn a_login_is_found_by_its_host() {
        let basic = |user: &str, password: &str| RegistryAuth::Basic(user.into(), password.into());
        assert_eq!(look("docker.io").unwrap(), basic("a", "b"));
        assert_eq!(look("example.org:5000").unwrap(), basic("user", "pa:ss"));
        assert_eq!(look("example.org").unwrap(), RegistryAuth::Anonymous);
        assert_eq!(look("none.example").unwrap(), RegistryAuth::Anonymous);
        assert!(look("bad.example").is_err());
    }

    #[test]
    fn no_file_is_no_login() {
        let found = find(Path::new("/nonexistent/config.json"), "x").unwrap();
        assert_eq!(found, RegistryAuth::Anonymous);
    }
}
