//! Keys of S3 (`s3:…`).

use strongroom_policy::Values;
use strongroom_types::Timestamp;

use super::{RequestContext, many, tag, text, truth};

impl RequestContext<'_> {
    pub(super) fn s3(&self, name: &str) -> Option<Values<'_>> {
        if let Some((family, key)) = name.split_once('/') {
            return match family {
                "existingobjecttag" => tag(self.resource.object_tags?, key),
                "buckettag" => tag(self.resource.bucket_tags, key),
                "accesspointtag" => tag(self.resource.access_point?.tags, key),
                "requestobjecttag" => tag(&self.parameters().tags, key),
                _ => None,
            };
        }
        self.access_point(name)
            .or_else(|| self.s3_signature(name))
            .or_else(|| self.s3_object(name))
            .or_else(|| self.s3_parameter(name))
    }

    /// Source: S3 User Guide, "Configuring IAM policies for using access points", "Condition keys".
    fn access_point(&self, name: &str) -> Option<Values<'_>> {
        let point = self.resource.access_point?;
        match name {
            "dataaccesspointarn" => Some(text(&point.id.arn())),
            "dataaccesspointaccount" => Some(text(&point.id.account)),
            "accesspointnetworkorigin" => Some(Values::one(point.network_origin)),
            _ => None,
        }
    }

    /// Source: S3 API Reference, "Amazon S3 Signature Version 4 authentication specific policy keys".
    fn s3_signature(&self, name: &str) -> Option<Values<'_>> {
        let wire = &self.request.wire;
        let signature = wire.signature.as_ref();
        match name {
            "tlsversion" => wire.tls_version.map(Values::one),
            "authtype" => signature.map(|signature| Values::one(signature.auth_type)),
            "signatureversion" => signature.map(|_| Values::one("AWS4-HMAC-SHA256")),
            "signatureage" => {
                signature.map(|signature| text(&self.request.now.since(signature.signed_at).as_millis()))
            }
            "x-amz-content-sha256" => signature?.content_sha256.as_deref().map(Values::one),
            "resourceaccount" => self.resource.account.map(|account| text(&account)),
            _ => None,
        }
    }

    /// Keys about what becomes of an object, or about its version.
    fn s3_object(&self, name: &str) -> Option<Values<'_>> {
        match name {
            // "To exempt the CreateMultipartUpload, UploadPart, and UploadPartCopy operations, as these APIs don't accept
            // conditional headers." Source: S3 User Guide, "Enforce conditional writes on Amazon S3 buckets".
            "objectcreationoperation" if self.action == "s3:PutObject" => Some(truth(!matches!(
                self.operation,
                "CreateMultipartUpload" | "UploadPart" | "UploadPartCopy"
            ))),
            // Of each of many, and of a copy's source, too, which no parameter of the name tells.
            "versionid" => self.resource.version.map(|version| text(&version)),
            "object-lock-remaining-retention-days" => self.remaining_retention(),
            _ => None,
        }
    }

    /// For how many more days an object is to be retained; what has begun counts, so that nobody is let past a limit by
    /// less than a day.
    ///
    /// Source: S3 User Guide, "Configuring S3 Object Lock", "Setting limits on retention periods with a bucket policy".
    fn remaining_retention(&self) -> Option<Values<'_>> {
        const MILLIS_PER_DAY: u128 = 24 * 60 * 60 * 1000;
        let until = self.parameters().member("ObjectLockRetainUntilDate")?;
        let remaining = Timestamp::parse_iso8601(until).ok()?.since(self.request.now);
        Some(text(&remaining.as_millis().div_ceil(MILLIS_PER_DAY)))
    }

    /// Keys that are parameters of the request. Only those that S3's table lists: a query parameter that happens to be
    /// called as some key is no key.
    fn s3_parameter(&self, name: &str) -> Option<Values<'_>> {
        let parameters = self.parameters();
        let member = match name {
            "prefix" => "Prefix",
            "delimiter" => "Delimiter",
            "max-keys" => "MaxKeys",
            "locationconstraint" => "LocationConstraint",
            "object-lock-mode" => "ObjectLockMode",
            "object-lock-retain-until-date" => "ObjectLockRetainUntilDate",
            "object-lock-legal-hold" => "ObjectLockLegalHoldStatus",
            "if-match" => "IfMatch",
            "if-none-match" => "IfNoneMatch",
            "requestobjecttagkeys" => {
                return many(parameters.tag_keys().map(ToOwned::to_owned).collect());
            }
            header if header.starts_with("x-amz-") => return parameters.wire(header).map(Values::one),
            _ => return None,
        };
        parameters.member(member).map(Values::one)
    }
}
