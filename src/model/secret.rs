//! What secrets look like: by the name that they are given, by their shape, by the file that holds them.
//!
//! Lint asks before anything is sent, review when a context is read. None of this tells the secret itself, only what it is.

/// A kind of secret that can be told by its shape: what it begins with, and how it goes on.
struct Shape {
    what: &'static str,
    prefix: &'static str,
    /// Whether a byte belongs to what follows the prefix.
    body: fn(u8) -> bool,
    /// How many bytes have to follow at the least.
    least: usize,
}

const fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

const fn dashed(b: u8) -> bool {
    word(b) || b == b'-'
}

const fn dotted(b: u8) -> bool {
    dashed(b) || b == b'.'
}

const fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

const fn alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

const fn shape(
    what: &'static str,
    prefix: &'static str,
    body: fn(u8) -> bool,
    least: usize,
) -> Shape {
    Shape {
        what,
        prefix,
        body,
        least,
    }
}

const SHAPES: [Shape; 26] = [
    shape("an AWS access key", "AKIA", upper, 16),
    shape("an AWS session key", "ASIA", upper, 16),
    shape("a GitHub token", "ghp_", alphanumeric, 36),
    shape("a GitHub token", "gho_", alphanumeric, 36),
    shape("a GitHub token", "ghu_", alphanumeric, 36),
    shape("a GitHub token", "ghs_", alphanumeric, 36),
    shape("a GitHub token", "ghr_", alphanumeric, 36),
    shape("a GitHub token", "github_pat_", word, 22),
    shape("a GitLab token", "glpat-", dashed, 20),
    shape("a Slack token", "xoxb-", dashed, 20),
    shape("a Slack token", "xoxp-", dashed, 20),
    shape("a Slack token", "xoxa-", dashed, 20),
    shape("a Stripe key", "sk_live_", alphanumeric, 16),
    shape("a Stripe key", "rk_live_", alphanumeric, 16),
    shape("a Google API key", "AIza", dashed, 35),
    shape("a Google OAuth token", "ya29.", dotted, 20),
    shape("an npm token", "npm_", alphanumeric, 36),
    shape("a PyPI token", "pypi-AgE", dashed, 40),
    shape("a Docker Hub token", "dckr_pat_", dashed, 20),
    shape("a Vault token", "hvs.", dashed, 20),
    shape("a SendGrid key", "SG.", dotted, 40),
    shape("an OpenAI key", "sk-proj-", dashed, 20),
    shape("an Anthropic key", "sk-ant-", dashed, 20),
    shape("a Hugging Face token", "hf_", alphanumeric, 30),
    shape("an age secret key", "AGE-SECRET-KEY-1", upper, 40),
    shape("a DigitalOcean token", "dop_v1_", alphanumeric, 40),
];

/// What secret `text` holds, if one can be told by its shape.
pub fn by_shape(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if let Some(found) = private_key(text) {
        return Some(found);
    }
    for shape in &SHAPES {
        for (at, _) in text.match_indices(shape.prefix) {
            let inside_a_word = at
                .checked_sub(1)
                .and_then(|before| bytes.get(before))
                .is_some_and(|b| word(*b));
            let rest = bytes.get(at + shape.prefix.len()..).unwrap_or_default();
            let length = rest.iter().take_while(|b| (shape.body)(**b)).count();
            if !inside_a_word && length >= shape.least && is_random(rest, length) {
                return Some(shape.what);
            }
        }
    }
    if text.split(|c: char| !dotted_char(c)).any(is_web_token) {
        return Some("a JSON web token");
    }
    password_in_url(text).then_some("a password in a URL")
}

/// `xxxx…` and `0000…` stand for a secret in an example.
fn is_random(rest: &[u8], length: usize) -> bool {
    let body = rest.get(..length).unwrap_or_default();
    let mut seen = [false; 256];
    for b in body {
        if let Some(seen) = seen.get_mut(usize::from(*b)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() >= 6
}

fn dotted_char(c: char) -> bool {
    c.is_ascii() && dotted(c as u8)
}

fn private_key(text: &str) -> Option<&'static str> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (kind, body) = rest.split_once("-----")?;
    let there = body
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .take(40)
        .count();
    (kind.len() < 40 && kind.contains("PRIVATE KEY") && there == 40).then_some("a private key")
}

/// Three parts of base64, the first two of them JSON.
fn is_web_token(text: &str) -> bool {
    let mut parts = text.split('.');
    let (Some(head), Some(body), Some(mark), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    head.starts_with("eyJ") && body.starts_with("eyJ") && head.len() > 15 && mark.len() > 15
}

/// `https://name:password@host`.
fn password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at + 3..).unwrap_or_default();
        let end = rest
            .find(|c: char| c == '/' || c == '"' || c == '\'' || c.is_whitespace())
            .unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else {
            return false;
        };
        user.split_once(':')
            .is_some_and(|(_, password)| is_value(password) && !password.starts_with(['<', '*']))
    })
}

/// Words that stand before `key` in the name of a secret one.
const KEYS: [&str; 11] = [
    "access",
    "api",
    "deploy",
    "encryption",
    "master",
    "private",
    "secret",
    "session",
    "signing",
    "ssh",
    "storage",
];

/// Whether something of this name is a secret: `DB_PASSWORD`, `apiKey`, `AWS_SECRET_ACCESS_KEY`. What names a file, a
/// length or an address of one is none.
pub fn by_name(name: &str) -> bool {
    let mut words = words(name);
    while words
        .last()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
    {
        words.pop();
    }
    if words.len() > 2 && words.last().is_some_and(|w| w == "base" || w == "id") {
        let last = words.pop();
        // A client's id is public; a key's id goes with the key.
        if words.last().is_none_or(|w| w != "key") {
            words.extend(last);
        }
    }
    let Some((last, before)) = words.split_last() else {
        return false;
    };
    match last.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "password" | "passwd" | "passphrase" | "pword" | "secret" | "token" | "credential"
        | "credentials" | "apikey" | "privatekey" | "secretkey" | "accesskey" | "authtoken" => true,
        "key" => before
            .last()
            .is_some_and(|word| KEYS.contains(&word.as_str())),
        _ => false,
    }
}

/// The words of a name, in lower case: `_`, `-`, `.` and capitals divide them.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars().take(256) {
        let apart = !c.is_alphanumeric();
        if (apart || (lower && c.is_uppercase())) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let (false, Some(word)) = (apart, words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value could be a secret: not nothing, a switch, a number, a path, or the name of a variable.
pub fn is_value(value: &str) -> bool {
    let value = value.trim();
    let plain = matches!(
        value.to_ascii_lowercase().as_str(),
        "" | "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null" | "0" | "1"
    );
    !plain && !value.starts_with(['/', '.', '$']) && !value.contains("/run/secrets/")
}

/// A file that holds secrets by what it is called, however it looks inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The name alone says it.
    Surely(&'static str),
    /// It does if its text has a line with one of these words and something behind it.
    IfItSays(&'static str, &'static [&'static str]),
    /// It does if its text has the shape of a secret.
    IfItLooksSo,
}

/// What the name of a file says about secrets in it.
pub fn by_file(path: &str) -> Option<Kept> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let parent = path.rsplit('/').nth(1).unwrap_or("");
    let lower = name.to_ascii_lowercase();
    Some(match lower.as_str() {
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" => Kept::Surely("an SSH key"),
        ".git-credentials" => Kept::Surely("git's stored passwords"),
        "credentials" if parent == ".aws" => Kept::Surely("AWS credentials"),
        ".netrc" | "_netrc" => Kept::IfItSays("a password", &["password"]),
        ".npmrc" => Kept::IfItSays("an npm token", &["_authtoken", "_auth", "_password"]),
        ".yarnrc.yml" => Kept::IfItSays("an npm token", &["npmauthtoken", "npmauthident"]),
        ".pypirc" => Kept::IfItSays("a PyPI password", &["password"]),
        "config.json" if parent == ".docker" => {
            Kept::IfItSays("a registry's password", &["\"auth\""])
        }
        ".env" => Kept::Surely("a `.env`"),
        _ if lower.starts_with(".env.") => {
            let example = ["example", "sample", "template", "dist", "defaults"];
            if lower.split('.').any(|part| example.contains(&part)) {
                return Some(Kept::IfItLooksSo);
            }
            Kept::Surely("a `.env`")
        }
        _ if [".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".tfstate"]
            .iter()
            .any(|end| lower.ends_with(end)) =>
        {
            Kept::Surely("a store of keys")
        }
        _ if READ.iter().any(|end| lower.ends_with(end)) => Kept::IfItLooksSo,
        _ => return None,
    })
}

/// Ends of the names of files that are read for secrets by shape.
const READ: [&str; 18] = [
    ".pem",
    ".key",
    ".yml",
    ".yaml",
    ".toml",
    ".ini",
    ".cfg",
    ".conf",
    ".properties",
    ".json",
    ".xml",
    ".sh",
    ".tf",
    ".tfvars",
    ".env",
    ".py",
    ".js",
    "dockerfile",
];

/// What secret a file of this name with this text holds.
pub fn in_file(kept: Kept, text: &str) -> Option<&'static str> {
    match kept {
        Kept::Surely(what) => Some(what),
        Kept::IfItLooksSo => by_shape(text),
        Kept::IfItSays(what, names) => text
            .lines()
            .any(|line| says(line, names))
            .then_some(what)
            .or_else(|| by_shape(text)),
    }
}

/// Whether a line gives something to one of these names.
fn says(line: &str, names: &[&str]) -> bool {
    let line = line.to_ascii_lowercase();
    names.iter().any(|name| {
        let Some((_, value)) = line.split_once(name) else {
            return false;
        };
        // Another, longer name.
        if value.starts_with(char::is_alphanumeric) {
            return false;
        }
        let value = value.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '$');
        !value.is_empty() && !value.starts_with('$')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made here, so that no tool takes the test for a leak.
    fn body(length: usize) -> String {
        "aB3dE5gH7jK9mN1pQ2rS4tU6vW8x"
            .chars()
            .cycle()
            .take(length)
            .collect()
    }

    #[test]
    fn shapes_are_told_and_examples_are_not() {
        assert_eq!(
            by_shape(&format!("x=ghp_{}", body(36))),
            Some("a GitHub token")
        );
        assert_eq!(
            by_shape(&format!("glpat-{}", body(20))),
            Some("a GitLab token")
        );
        assert_eq!(
            by_shape(&format!("AKIA{}", "A1B2C3D4E5F6G7H8")),
            Some("an AWS access key")
        );
        let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n", body(64));
        assert_eq!(by_shape(&key), Some("a private key"));
        assert_eq!(
            by_shape(&format!("https://me:{}@example.com/x", body(12))),
            Some("a password in a URL")
        );
        let token = format!("eyJ{}.eyJ{}.{}", body(20), body(20), body(30));
        assert_eq!(by_shape(&token), Some("a JSON web token"));
        for harmless in [
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "https://example.com/@scope/x",
            "https://me:$PASSWORD@example.com",
            "git@example.com:a/b",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY-----\\n…",
            "a.b.c",
            "AKIAshort",
        ] {
            assert_eq!(by_shape(harmless), None, "{harmless}");
        }
    }

    #[test]
    fn names_of_secrets() {
        for name in [
            "PASSWORD",
            "DB_PASSWORD",
            "dbPassword",
            "NPM_TOKEN",
            "github-token",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "API_KEY",
            "apiKey",
            "APIKEY",
            "SECRET_KEY_BASE",
            "CLIENT_SECRET",
            "TOKEN2",
            "SSH_PRIVATE_KEY",
        ] {
            assert!(by_name(name), "{name}");
        }
        for name in [
            "GPG_KEY",
            "PASSWORD_FILE",
            "TOKEN_URL",
            "MAX_TOKENS",
            "TOKENIZERS_PARALLELISM",
            "SECRETARY",
            "KEY",
            "PUBLIC_KEY",
            "SECRET_NAME",
            "CLIENT_ID",
            "PASSWORD_MIN_LENGTH",
            "CACHE_KEY",
            "",
            "__",
            "12",
        ] {
            assert!(!by_name(name), "{name}");
        }
    }

    #[test]
    fn files_of_secrets() {
        let in_file = |path: &str, text: &str| in_file(by_file(path)?, text);
        assert_eq!(in_file("a/.env", ""), Some("a `.env`"));
        assert_eq!(in_file(".env.example", "A=b"), None);
        assert_eq!(in_file("keys/id_rsa", ""), Some("an SSH key"));
        assert_eq!(in_file("id_rsa.pub", ""), None);
        assert_eq!(in_file(".npmrc", "registry=https://r.example\n"), None);
        assert_eq!(
            in_file(".npmrc", "//r.example/:_authToken=abc\n"),
            Some("an npm token")
        );
        assert_eq!(
            in_file(".npmrc", "//r.example/:_authToken=${TOKEN}\n"),
            None
        );
        assert_eq!(
            in_file(
                "deploy.pem",
                &format!("-----BEGIN PRIVATE KEY-----\n{}", body(64))
            ),
            Some("a private key")
        );
        assert_eq!(in_file("cert.pem", "-----BEGIN CERTIFICATE-----\n"), None);
        assert_eq!(in_file("main.go", "x"), None);
    }
}
