//! A token as it comes: three parts in base64url. Nothing of it is to be believed before its signature is verified.
//!
//! Source: RFC 7515 (JWS, compact serialization), RFC 7519 (JWT), OpenID Connect Core 1.0, section 2 ("ID Token").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::Json;
use super::key::Algorithm;

/// Characters of a token at most. Source: STS API Reference, AssumeRoleWithWebIdentity, `WebIdentityToken`.
pub(super) const MAX_TOKEN_CHARS: usize = 20_000;
/// Texts in a list of a token (`aud`, `amr`, values of a tag) at most.
const MAX_TEXTS: usize = 100;

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")]
    Form,
    #[error(
        "The token is signed with an algorithm that is not taken; RS, PS and ES with SHA-2 and EdDSA are."
    )]
    Algorithm,
    #[error("The token has critical header parameters that are not understood.")]
    Critical,
    #[error("Missing a required claim: {0}")]
    Claim(&'static str),
    #[error("The claim {0} is not of its type.")]
    ClaimType(&'static str),
}

/// A token, read but not verified.
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    /// Which key signed it, if it says so.
    pub(super) key_id: Option<String>,
    /// What the signature is of.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    pub(super) claims: Claims,
}

/// What a token says. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audience: Vec<String>,
    pub(super) authorized_party: Option<String>,
    pub(super) expires: f64,
    pub(super) not_before: Option<f64>,
    pub(super) issued: Option<f64>,
    pub(super) methods: Vec<String>,
    pub(super) source_identity: Option<String>,
    /// Tags for the session.
    pub(super) tags: Vec<(String, String)>,
    pub(super) transitive_tags: Vec<String>,
}

impl<'a> Token<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(super) fn parse(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_CHARS {
            return Err(TokenError::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Form)?;
        // A dot is no letter of base64url: more than three parts do not decode.
        let header = object(header)?;
        let algorithm = header.text_of("alg").and_then(Algorithm::parse).ok_or(TokenError::Algorithm)?;
        // Source: RFC 7515, section 4.1.11: what is critical must be understood.
        if header.get("crit").is_some() {
            return Err(TokenError::Critical);
        }
        let key_id = match header.get("kid") {
            Some(key_id) => Some(key_id.text().ok_or(TokenError::Form)?.to_owned()),
            None => None,
        };
        let signature = decode(signature)?;
        Ok(Self { algorithm, key_id, signed, signature, claims: Claims::of(&object(payload)?)? })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form)
}

fn object(part: &str) -> Result<Json, TokenError> {
    Json::parse(&decode(part)?).filter(|json| matches!(json, Json::Object(_))).ok_or(TokenError::Form)
}

impl Claims {
    fn of(json: &Json) -> Result<Self, TokenError> {
        let (tags, transitive_tags) = tags(json)?;
        Ok(Self {
            issuer: text(json, "iss")?.ok_or(TokenError::Claim("iss"))?,
            subject: text(json, "sub")?.ok_or(TokenError::Claim("sub"))?,
            audience: texts(json, "aud")?.ok_or(TokenError::Claim("aud"))?,
            authorized_party: text(json, "azp")?,
            expires: number(json, "exp")?.ok_or(TokenError::Claim("exp"))?,
            not_before: number(json, "nbf")?,
            issued: number(json, "iat")?,
            methods: texts(json, "amr")?.unwrap_or_default(),
            source_identity: text(json, "https://aws.amazon.com/source_identity")?,
            tags,
            transitive_tags,
        })
    }
}

/// An empty text names nobody.
fn text(json: &Json, name: &'static str) -> Result<Option<String>, TokenError> {
    let Some(value) = json.get(name) else { return Ok(None) };
    let text = value.text().filter(|text| !text.is_empty()).ok_or(TokenError::ClaimType(name))?;
    Ok(Some(text.to_owned()))
}

fn texts(json: &Json, name: &'static str) -> Result<Option<Vec<String>>, TokenError> {
    let Some(value) = json.get(name) else { return Ok(None) };
    let texts = value.texts().filter(|texts| !texts.is_empty() && texts.len() <= MAX_TEXTS);
    texts.map(Some).ok_or(TokenError::ClaimType(name))
}

/// Source: RFC 7519, section 2, "NumericDate".
fn number(json: &Json, name: &'static str) -> Result<Option<f64>, TokenError> {
    match json.get(name) {
        None => Ok(None),
        Some(Json::Number(number)) if number.is_finite() => Ok(Some(*number)),
        Some(_) => Err(TokenError::ClaimType(name)),
    }
}

/// Tags, and the keys of those that go on into chained sessions.
type SessionTags = (Vec<(String, String)>, Vec<String>);

/// Source: IAM User Guide, "Pass session tags in AWS STS", "Passing session tags using AssumeRoleWithWebIdentity": each
/// tag has one value, in a list.
fn tags(json: &Json) -> Result<SessionTags, TokenError> {
    const CLAIM: &str = "https://aws.amazon.com/tags";
    let Some(claim) = json.get(CLAIM) else { return Ok((Vec::new(), Vec::new())) };
    let bad = TokenError::ClaimType(CLAIM);
    let mut tags = Vec::new();
    match claim.get("principal_tags") {
        Some(Json::Object(members)) => {
            for (key, value) in members {
                let values = value.texts().ok_or(bad)?;
                let [value] = <[String; 1]>::try_from(values).map_err(|_| bad)?;
                tags.push((key.clone(), value));
            }
        }
        Some(_) => return Err(bad),
        None => {}
    }
    let transitive = match claim.get("transitive_tag_keys") {
        Some(keys) => keys.texts().filter(|keys| keys.len() <= MAX_TEXTS).ok_or(bad)?,
        None => Vec::new(),
    };
    Ok((tags, transitive))
}

/// Reads tokens and key sets from arbitrary bytes, and verifies the one with the other: the fuzz entry.
#[doc(hidden)]
pub fn fuzz_web_identity_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (token, keys) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(token) = Token::parse(token) else { return };
    if let Ok(keys) = super::KeySet::parse(keys.as_bytes()) {
        // Whoever finds a signature here that holds has either found a break of RSA, or a corpus file that is signed.
        let _ = keys.verifies(&token);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    fn parse(header: &str, payload: &str) -> Result<Claims, TokenError> {
        let text = format!("{}.{}.{}", part(header), part(payload), part("x"));
        Token::parse(&text).map(|token| token.claims)
    }

    const HEADER: &str = r#"{"alg":"RS256","kid":"k"}"#;
    const PAYLOAD: &str = r#"{"iss":"https://a","sub":"s","aud":"x","exp":2}"#;

    #[test]
    fn a_token_gives_its_claims() {
        let claims = parse(HEADER, PAYLOAD).unwrap();
        assert_eq!((&*claims.issuer, &*claims.subject, claims.expires), ("https://a", "s", 2.0));
        assert_eq!(claims.audience, ["x"]);
        let full = r#"{"iss":"https://a","sub":"s","aud":["x","y"],"azp":"z","exp":2.5,"nbf":1,"iat":1,"amr":["pwd"],
            "https://aws.amazon.com/source_identity":"ann",
            "https://aws.amazon.com/tags":{"principal_tags":{"team":["red"]},"transitive_tag_keys":["team"]}}"#;
        let claims = parse(HEADER, full).unwrap();
        assert_eq!(claims.tags, [("team".to_owned(), "red".to_owned())]);
        assert_eq!(claims.transitive_tags, ["team"]);
        assert_eq!(claims.source_identity.as_deref(), Some("ann"));
        assert_eq!(claims.authorized_party.as_deref(), Some("z"));
    }

    #[test]
    fn algorithms_without_a_public_key_are_refused() {
        for alg in
            ["none", "None", "NONE", "HS256", "HS384", "HS512", "RS1", "rs256", "ES256K", "", "RSA-OAEP"]
        {
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            assert_eq!(parse(&header, PAYLOAD), Err(TokenError::Algorithm), "{alg}");
        }
        assert_eq!(parse("{}", PAYLOAD), Err(TokenError::Algorithm));
        assert_eq!(parse(r#"{"alg":["RS256"]}"#, PAYLOAD), Err(TokenError::Algorithm));
    }

    #[test]
    fn what_is_required_is_required() {
        for (name, payload) in [
            ("iss", r#"{"sub":"s","aud":"x","exp":2}"#),
            ("sub", r#"{"iss":"https://a","aud":"x","exp":2}"#),
            ("aud", r#"{"iss":"https://a","sub":"s","exp":2}"#),
            ("exp", r#"{"iss":"https://a","sub":"s","aud":"x"}"#),
        ] {
            assert_eq!(parse(HEADER, payload), Err(TokenError::Claim(name)));
        }
        for (name, payload) in [
            ("aud", r#"{"iss":"https://a","sub":"s","aud":[],"exp":2}"#),
            ("aud", r#"{"iss":"https://a","sub":"s","aud":[1],"exp":2}"#),
            ("exp", r#"{"iss":"https://a","sub":"s","aud":"x","exp":"2"}"#),
            ("nbf", r#"{"iss":"https://a","sub":"s","aud":"x","exp":2,"nbf":true}"#),
            ("sub", r#"{"iss":"https://a","sub":"","aud":"x","exp":2}"#),
        ] {
            assert_eq!(parse(HEADER, payload), Err(TokenError::ClaimType(name)), "{payload}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = format!("{}.{}.{}", part(HEADER), part(PAYLOAD), part("x"));
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            part(HEADER),
            format!("{token}."),
            format!("{token}.{token}"),
            format!("{token}="),
            format!(" {token}"),
            token.replace('.', ".."),
            "a".repeat(MAX_TOKEN_CHARS + 1),
        ] {
            assert!(Token::parse(&bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, PAYLOAD),
            Err(TokenError::Critical)
        );
        assert_eq!(parse(r#"{"alg":"RS256","alg":"RS256"}"#, PAYLOAD), Err(TokenError::Form));
        assert_eq!(parse(HEADER, "[]"), Err(TokenError::Form));
        assert_eq!(parse(r#"{"alg":"RS256","kid":1}"#, PAYLOAD), Err(TokenError::Form));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC*", header in "\\PC*", payload in "\\PC*") {
            let _ = Token::parse(&text);
            let _ = parse(&header, &payload);
        }

        #[test]
        fn every_claim_comes_out_as_it_was_put_in(
            subject in "[^\\x00]{1,40}", audience in prop::collection::vec("[ -~]{1,20}", 1..5), expires in 0..=u32::MAX,
        ) {
            let payload = serde_json::json!({
                "iss": "https://a", "sub": subject, "aud": audience, "exp": expires,
            });
            let claims = parse(HEADER, &payload.to_string()).unwrap();
            prop_assert_eq!(claims.subject, subject);
            prop_assert_eq!(claims.audience, audience);
            prop_assert!((claims.expires - f64::from(expires)).abs() < 1.0);
        }
    }
}
