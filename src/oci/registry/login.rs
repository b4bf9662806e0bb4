//! Logging in before reading: what a registry asks for, and the token that its token server gives.
//!
//! Both are strangers. Their answers are bounded in length and time, and a login is never sent in the clear to where
//! the registry alone says.

use http_auth::ChallengeParser;
use oci_client::secrets::RegistryAuth;
use reqwest::StatusCode;
use reqwest::header::WWW_AUTHENTICATE;
use serde::Deserialize;

use super::answer::{ANSWER, short};
use super::{Inner, RegistryError};

/// A token server's answer may have this many bytes.
const TOKEN_LIMIT: usize = 1 << 20;

/// What goes with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// The login itself, or nothing where there is none.
    Own,
    /// A token.
    Token(String),
}

/// Where a token is to be had.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Inner {
    /// What lets us do `actions`, as in `pull` or `pull,push`.
    ///
    /// # Errors
    /// If the registry can't be asked, or its token server refuses or makes no sense.
    pub async fn pass(&self, actions: &str, doing: &'static str) -> Result<Pass, RegistryError> {
        let url = format!("{}://{}/v2/", self.scheme, self.host);
        let asked = self.http.get(url).timeout(ANSWER).send().await;
        let asked = asked.map_err(|e| self.unreachable(&e))?;
        let challenges = asked.headers().get_all(WWW_AUTHENTICATE);
        let challenge = challenges
            .iter()
            .find_map(|value| bearer(value.to_str().ok()?));
        drop(asked);
        let Some(challenge) = challenge else {
            return Ok(Pass::Own);
        };
        self.token(&challenge, actions, doing)
            .await
            .map(Pass::Token)
    }

    async fn token(
        &self,
        challenge: &Challenge,
        actions: &str,
        doing: &'static str,
    ) -> Result<String, RegistryError> {
        let strange =
            |why: String| self.failed("log in to", self.name.clone(), &std::io::Error::other(why));
        let realm = reqwest::Url::parse(&challenge.realm)
            .map_err(|e| strange(format!("it sends us to no address for a token: {e}")))?;
        if realm.scheme() != "https" && !(self.plain && realm.scheme() == "http") {
            return Err(strange(format!(
                "it sends us to {}://{} for a token, which is not encrypted",
                realm.scheme(),
                realm.host_str().unwrap_or_default()
            )));
        }
        let scope = format!("repository:{}:{actions}", self.name);
        let mut query = vec![("scope", scope.as_str())];
        query.extend(
            challenge
                .service
                .as_deref()
                .map(|service| ("service", service)),
        );
        let mut url = realm;
        url.query_pairs_mut().extend_pairs(query);
        let request = self.http.get(url).timeout(ANSWER);
        let request = match &self.auth {
            RegistryAuth::Basic(user, password) => request.basic_auth(user, Some(password)),
            _ => request,
        };
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        if response.status() != StatusCode::OK {
            return Err(self.unauthorized(doing));
        }
        let bytes = short(response, TOKEN_LIMIT)
            .await
            .map_err(|e| self.failed("log in to", self.name.clone(), &*e))?;
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|e| strange(format!("its token server answers with no token: {e}")))?;
        let token = answer
            .token
            .or(answer.access_token)
            .filter(|token| !token.is_empty());
        token.ok_or_else(|| strange("its token server answers with no token".into()))
    }
}

/// The first challenge for a token in a header.
fn bearer(header: &str) -> Option<Challenge> {
    ChallengeParser::new(header)
        .filter_map(Result::ok)
        .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))
        .find_map(|challenge| {
            let value = |name: &str| {
                let found = challenge
                    .params
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            Some(Challenge {
                realm: value("realm")?,
                service: value("service"),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_token_is_read_out_of_a_challenge() {
        let challenge = |realm: &str, service: Option<&str>| {
            Some(Challenge {
                realm: realm.into(),
                service: service.map(Into::into),
            })
        };
        for (header, wanted) in [
            (
                r#"Bearer realm="https://a/t",service="s""#,
                challenge("https://a/t", Some("s")),
            ),
            (
                r#"Basic realm="x", Bearer realm="https://a/t""#,
                challenge("https://a/t", None),
            ),
            (r#"Basic realm="x""#, None),
            (r#"Bearer service="s""#, None),
            ("", None),
            ("\"", None),
        ] {
            assert_eq!(bearer(header), wanted, "{header}");
        }
    }
}
