//! The protocol of containers: one URL, and a token that every request shows.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Container credential provider".

use http::header::{ALLOW, AUTHORIZATION};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use strongroom_types::Timestamp;
use subtle::ConstantTimeEq as _;

use crate::RoleArn;
use crate::answer::Answer;
use crate::credentials::Store;
use crate::token_file::SecretToken;

/// Where the credentials are.
pub const PATH: &str = "/v1/credentials";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
    role_arn: &'a str,
    account_id: String,
}

#[derive(Serialize)]
struct Refusal<'a> {
    code: &'a str,
    message: &'a str,
}

fn refused(status: StatusCode, code: &str, message: &str) -> Answer {
    Answer::json(status, &Refusal { code, message })
}

/// Answers a request. Whether it may be answered is decided before anything is told of what is here.
pub(crate) fn answer(
    head: &Parts,
    token: &SecretToken,
    store: &Store,
    role: &RoleArn,
    now: Timestamp,
) -> Answer {
    if !shows(head, token) {
        let message = "the header Authorization must hold what is in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
        return refused(StatusCode::UNAUTHORIZED, "InvalidAuthorizationToken", message);
    }
    if head.uri.path() != PATH {
        return refused(StatusCode::NOT_FOUND, "NotFound", "credentials are at /v1/credentials");
    }
    if head.method != Method::GET {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "only GET is answered here")
            .with(ALLOW, HeaderValue::from_static("GET"));
    }
    match store.look(now) {
        Ok(held) => Answer::json(
            StatusCode::OK,
            &Shown {
                access_key_id: held.credentials.access_key_id().as_str(),
                secret_access_key: held.credentials.secret(),
                token: held.credentials.token(),
                expiration: held.credentials.expiration().to_iso8601_seconds(),
                role_arn: role.as_str(),
                account_id: role.account().to_string(),
            },
        ),
        Err(why) => refused(StatusCode::SERVICE_UNAVAILABLE, "CredentialsUnavailable", &why),
    }
}

/// Whether the one Authorization of the request is the token, compared in a time that tells nothing of it.
fn shows(head: &Parts, token: &SecretToken) -> bool {
    let mut shown = head.headers.get_all(AUTHORIZATION).iter();
    match (shown.next(), shown.next()) {
        (Some(shown), None) => shown.as_bytes().ct_eq(token.expose().as_bytes()).into(),
        (None, _) | (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credentials;
    use crate::head::sample;

    const NOW: i64 = 1_000_000;

    fn ask(method: &str, path: &str, headers: &[(&str, &str)], good: bool) -> Answer {
        let token = SecretToken::from_random(&[7; 32]);
        let store = Store::default();
        if good {
            let end = Timestamp::from_secs(NOW + 60);
            store.put(credentials::sample("ASIAIOSFODNN7EXAMPLE", end), Timestamp::from_secs(NOW));
        }
        let role = RoleArn::parse("arn:aws:iam::123456789012:role/reports").unwrap();
        answer(&sample(method, path, headers), &token, &store, &role, Timestamp::from_secs(NOW))
    }

    fn token() -> String {
        SecretToken::from_random(&[7; 32]).expose().to_owned()
    }

    #[test]
    fn who_shows_the_token_gets_the_credentials() {
        let answer = ask("GET", PATH, &[("authorization", &token())], true);
        assert_eq!(answer.status, StatusCode::OK);
        let shown: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
        assert_eq!(shown["AccessKeyId"], "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(shown["SecretAccessKey"], "hunter2");
        assert_eq!(shown["Token"], "token+of/session=");
        assert_eq!(shown["Expiration"], "1970-01-12T13:47:40Z");
        assert_eq!(shown["RoleArn"], "arn:aws:iam::123456789012:role/reports");
        assert_eq!(shown["AccountId"], "123456789012");
    }

    #[test]
    fn without_the_token_nothing_is_told_not_even_what_is_here() {
        let (token, longer) = (token(), format!("{} ", token()));
        for headers in [
            vec![],
            vec![("authorization", "")],
            vec![("authorization", "wrong")],
            vec![("authorization", longer.as_str())],
            vec![("authorization", token.as_str()), ("authorization", token.as_str())],
            vec![("x-authorization", token.as_str())],
        ] {
            for path in [PATH, "/", "/v1/credentials/"] {
                let answer = ask("GET", path, &headers, true);
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
                assert!(!answer.body().contains("hunter2"));
            }
        }
    }

    #[test]
    fn other_paths_and_methods_are_refused_and_a_lack_of_credentials_is_told() {
        let shown = [("authorization", &*token())];
        assert_eq!(ask("GET", "/v2", &shown, true).status, StatusCode::NOT_FOUND);
        assert_eq!(ask("POST", PATH, &shown, true).status, StatusCode::METHOD_NOT_ALLOWED);
        let none = ask("GET", PATH, &shown, false);
        assert_eq!(none.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(none.body().contains("has not answered yet"));
    }

    proptest! {
        #[test]
        fn no_other_token_is_taken(shown in "[ -~]{0,60}") {
            prop_assume!(shown != token());
            prop_assert_eq!(ask("GET", PATH, &[("authorization", &shown)], true).status, StatusCode::UNAUTHORIZED);
        }
    }
}
