//! The metadata service of an instance, version 2 alone: a token by PUT, and nothing without one.
//!
//! Source: EC2 User Guide, "Use the Instance Metadata Service to access instance metadata", "Retrieve security credentials
//! from instance metadata".

mod token;

use std::sync::Arc;

use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use strongroom_crypto::Entropy;
use strongroom_types::{Region, Timestamp};

use self::token::{Tokens, Ttl};
use crate::RoleArn;
use crate::answer::Answer;
use crate::credentials::Store;
use crate::limits::{MAX_TOKEN_BURST, MAX_TOKENS_PER_SECOND};
use crate::rate::Rate;

const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");

/// The metadata service.
pub(crate) struct Imds {
    tokens: Tokens,
    token_rate: Rate,
    entropy: Arc<dyn Entropy>,
    store: Arc<Store>,
    role: RoleArn,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownCredentials<'a> {
    code: &'a str,
    last_updated: String,
    #[serde(rename = "Type")]
    kind: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownProfile<'a> {
    code: &'a str,
    last_updated: String,
    instance_profile_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownDocument<'a> {
    version: &'a str,
    account_id: String,
    region: &'a str,
    availability_zone: String,
}

impl Imds {
    pub(crate) fn new(entropy: Arc<dyn Entropy>, store: Arc<Store>, role: RoleArn, region: Region) -> Self {
        let tokens = Tokens::new(&*entropy);
        let token_rate = Rate::new(MAX_TOKEN_BURST, MAX_TOKENS_PER_SECOND);
        Self { tokens, token_rate, entropy, store, role, region }
    }

    /// Answers a request. Without a token nothing is told, not even what is here.
    pub(crate) fn answer(&self, head: &Parts, now: Timestamp) -> Answer {
        let path = head.uri.path();
        if head.method == Method::PUT && path == "/latest/api/token" {
            return self.give_token(head);
        }
        let mut shown = head.headers.get_all(&TOKEN).iter();
        let left = match (shown.next(), shown.next()) {
            (Some(shown), None) => self.tokens.check(shown.as_bytes()),
            (None, _) | (Some(_), Some(_)) => None,
        };
        let Some(left) = left else {
            return Answer::text(
                StatusCode::UNAUTHORIZED,
                "only version 2 is served: get a token by PUT /latest/api/token and show it in X-aws-ec2-metadata-token",
            );
        };
        if head.method != Method::GET {
            return Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here")
                .with(ALLOW, HeaderValue::from_static("GET"));
        }
        self.metadata(path, now).with(TTL, left.as_secs())
    }

    fn give_token(&self, head: &Parts) -> Answer {
        let mut asked = head.headers.get_all(&TTL).iter();
        let ttl = match (asked.next(), asked.next()) {
            (Some(asked), None) => Ttl::parse(asked.as_bytes()),
            (None, _) | (Some(_), Some(_)) => None,
        };
        let Some(ttl) = ttl else {
            return Answer::text(
                StatusCode::BAD_REQUEST,
                "X-aws-ec2-metadata-token-ttl-seconds must be a number from 1 to 21600",
            );
        };
        if !self.token_rate.take() {
            return Answer::text(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many tokens are asked for; keep one for as long as it is good",
            );
        }
        Answer::text(StatusCode::OK, &self.tokens.make(ttl, &*self.entropy)).with(TTL, ttl.seconds())
    }

    fn metadata(&self, path: &str, now: Timestamp) -> Answer {
        let found = |text: &str| Answer::text(StatusCode::OK, text);
        match path.trim_end_matches('/') {
            "/latest" => found("dynamic\nmeta-data"),
            "/latest/dynamic" => found("instance-identity/"),
            "/latest/dynamic/instance-identity" => found("document"),
            "/latest/dynamic/instance-identity/document" => self.document(),
            "/latest/meta-data" => found("iam/\nplacement/"),
            "/latest/meta-data/placement" => found("availability-zone\nregion"),
            "/latest/meta-data/placement/region" => found(self.region.as_str()),
            // SDKs of before there was `region` take the letter off this.
            "/latest/meta-data/placement/availability-zone" => found(&self.zone()),
            "/latest/meta-data/iam" => found("info\nsecurity-credentials/"),
            "/latest/meta-data/iam/info" => self.profile(now),
            "/latest/meta-data/iam/security-credentials" => found(self.role.name()),
            other => match other.strip_prefix("/latest/meta-data/iam/security-credentials/") {
                Some(role) if percent_decode_str(role).eq(self.role.name().bytes()) => self.credentials(now),
                Some(_) | None => Answer::text(StatusCode::NOT_FOUND, "there is nothing here"),
            },
        }
    }

    fn credentials(&self, now: Timestamp) -> Answer {
        match self.store.look(now) {
            Ok(held) => Answer::json(
                StatusCode::OK,
                &ShownCredentials {
                    code: "Success",
                    last_updated: held.since.to_iso8601_seconds(),
                    kind: "AWS-HMAC",
                    access_key_id: held.credentials.access_key_id().as_str(),
                    secret_access_key: held.credentials.secret(),
                    token: held.credentials.token(),
                    expiration: held.credentials.expiration().to_iso8601_seconds(),
                },
            ),
            Err(why) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, &why),
        }
    }

    /// DEVIATION: there is no instance here, and so no profile with an id of its own; the profile's ARN is the one that
    /// AWS's console makes with a role.
    fn profile(&self, now: Timestamp) -> Answer {
        match self.store.look(now) {
            Ok(held) => Answer::json(
                StatusCode::OK,
                &ShownProfile {
                    code: "Success",
                    last_updated: held.since.to_iso8601_seconds(),
                    instance_profile_arn: self.role.as_str().replacen(":role/", ":instance-profile/", 1),
                },
            ),
            Err(why) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, &why),
        }
    }

    /// Of the identity document, what this host knows of itself: nothing is made up.
    fn document(&self) -> Answer {
        Answer::json(
            StatusCode::OK,
            &ShownDocument {
                version: "2017-09-30",
                account_id: self.role.account().to_string(),
                region: self.region.as_str(),
                availability_zone: self.zone(),
            },
        )
    }

    fn zone(&self) -> String {
        format!("{}a", self.region)
    }
}

#[cfg(test)]
mod tests;
