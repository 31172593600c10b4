//! GetBucketCors, PutBucketCors, DeleteBucketCors.

use async_trait::async_trait;
use strongroom_api_s3::{
    CorsConfiguration, CorsRule, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput,
    GetBucketCorsOutput, PutBucketCorsInput, PutBucketCorsOutput, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_storage::Partition;
use strongroom_types::BucketName;

use super::cors::is_token;
use super::limits::{MAX_CORS_BYTES, MAX_CORS_ID_CHARS, MAX_CORS_RULES};
use super::{document, settings};
use crate::S3;
use crate::error;

impl S3 {
    /// The CORS rules of a bucket, for preflights and for the headers of answers ([`super::cors::evaluate`]). `None`:
    /// there is no such bucket, or it has none. Says nothing that its rules are not meant to say, so no permit is asked.
    ///
    /// # Errors
    /// As a reply: the rows could not be read.
    pub async fn cors_rules(&self, bucket: &BucketName) -> Result<Option<Vec<CorsRule>>, ErrorReply> {
        let facts = self.directory.bucket(bucket).await;
        let Some(facts) = facts.map_err(|error| ErrorReply::from(&error))? else { return Ok(None) };
        let partition = Partition::Bucket(facts.id);
        let stored = self.configuration::<CorsConfiguration>(partition, settings::name::CORS).await?;
        Ok(stored.map(|(stored, _)| stored.cors_rules))
    }

    /// The rules for whatever stands in the place of a bucket's name: of an access point those of its bucket, told to whom it
    /// answers: one of a VPC tells them in that VPC alone.
    ///
    /// # Errors
    /// As [`Self::cors_rules`].
    pub async fn cors_rules_at(
        &self,
        place: &str,
        vpc: Option<&str>,
    ) -> Result<Option<Vec<CorsRule>>, ErrorReply> {
        if let Ok(name) = BucketName::parse(place)
            && let Some(rules) = self.cors_rules(&name).await?
        {
            return Ok(Some(rules));
        }
        let behind = self.directory.bucket_behind(place, &self.regions, vpc).await;
        match behind.map_err(|error| ErrorReply::from(&error))? {
            Some(name) => self.cors_rules(&name).await,
            None => Ok(None),
        }
    }
}

/// Source: S3 API Reference, "GetBucketCors".
#[async_trait]
impl Handle<op::GetBucketCors> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketCorsInput>,
    ) -> Result<Reply<GetBucketCorsOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let stored =
            self.configuration::<CorsConfiguration>(bucket.partition(), settings::name::CORS).await?;
        match stored {
            Some((stored, _)) => Ok(Reply::new(GetBucketCorsOutput { cors_rules: stored.cors_rules })),
            None => Err(error::not_configured(
                "NoSuchCORSConfiguration",
                "The CORS configuration does not exist",
                bucket.name(),
            )),
        }
    }
}

/// Source: S3 API Reference, "PutBucketCors"; S3 User Guide, "Elements of a CORS configuration".
#[async_trait]
impl Handle<op::PutBucketCors> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketCorsInput>,
    ) -> Result<Reply<PutBucketCorsOutput>, ErrorReply> {
        let asked = &request.input().cors_configuration;
        check(asked)?;
        let document = document::encode(asked);
        if document.len() > MAX_CORS_BYTES {
            let message = "Your request was too big: a CORS configuration has at most 64 KB.";
            return Err(ErrorReply::new(400, "MaxMessageLengthExceeded", message));
        }
        self.configure(&mut request, settings::name::CORS, Some(document)).await?;
        Ok(Reply::new(PutBucketCorsOutput {}))
    }
}

/// Source: S3 API Reference, "DeleteBucketCors".
#[async_trait]
impl Handle<op::DeleteBucketCors> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteBucketCorsInput>,
    ) -> Result<Reply<DeleteBucketCorsOutput>, ErrorReply> {
        self.configure(&mut request, settings::name::CORS, None).await?;
        Ok(Reply::new(DeleteBucketCorsOutput {}))
    }
}

fn check(configuration: &CorsConfiguration) -> Result<(), ErrorReply> {
    if configuration.cors_rules.is_empty() {
        return Err(error::malformed_xml());
    }
    if configuration.cors_rules.len() > MAX_CORS_RULES {
        return Err(error::invalid_request(format!(
            "The number of CORS rules should not exceed allowed limit of {MAX_CORS_RULES} rules."
        )));
    }
    configuration.cors_rules.iter().try_for_each(check_rule)
}

fn check_rule(rule: &CorsRule) -> Result<(), ErrorReply> {
    if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
        return Err(error::malformed_xml());
    }
    if rule.id.as_ref().is_some_and(|id| id.chars().count() > MAX_CORS_ID_CHARS) {
        return Err(error::invalid_argument(
            "ID",
            rule.id.as_deref().unwrap_or_default(),
            format!("ID length should not exceed allowed limit of {MAX_CORS_ID_CHARS}"),
        ));
    }
    if let Some(method) = rule
        .allowed_methods
        .iter()
        .find(|method| !["GET", "PUT", "POST", "DELETE", "HEAD"].contains(&method.as_str()))
    {
        return Err(error::invalid_request(format!(
            "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
        )));
    }
    for origin in &rule.allowed_origins {
        one_wildcard("AllowedOrigin", origin)?;
        if origin.is_empty() || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(error::invalid_request(format!(
                "AllowedOrigin \"{}\" is not an origin.",
                origin.escape_default()
            )));
        }
    }
    for header in &rule.allowed_headers {
        one_wildcard("AllowedHeader", header)?;
        header_name("AllowedHeader", header)?;
    }
    for header in &rule.expose_headers {
        if header.contains('*') {
            return Err(error::invalid_request(format!(
                "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            )));
        }
        header_name("ExposeHeader", header)?;
    }
    if rule.max_age_seconds.is_some_and(|seconds| seconds < 0) {
        return Err(error::malformed_xml());
    }
    Ok(())
}

fn one_wildcard(element: &str, value: &str) -> Result<(), ErrorReply> {
    if value.matches('*').count() > 1 {
        return Err(error::invalid_request(format!(
            "{element} \"{value}\" can not have more than one wildcard."
        )));
    }
    Ok(())
}

fn header_name(element: &str, value: &str) -> Result<(), ErrorReply> {
    if is_token(value) {
        return Ok(());
    }
    let value = value.escape_default();
    Err(error::invalid_request(format!("{element} \"{value}\" is not the name of a header.")))
}
