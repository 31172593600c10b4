//! Keys of S3 (`s3:…`).

use strongroom_policy::Values;

use super::{RequestContext, many, tag, text};

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
        self.access_point(name).or_else(|| self.s3_signature(name)).or_else(|| self.s3_parameter(name))
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

    /// Keys that are parameters of the request. Only those that S3's table lists: a query parameter that happens to be
    /// called as some key is no key.
    fn s3_parameter(&self, name: &str) -> Option<Values<'_>> {
        let parameters = self.parameters();
        let member = match name {
            "prefix" => "Prefix",
            "delimiter" => "Delimiter",
            "max-keys" => "MaxKeys",
            "versionid" => "VersionId",
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
