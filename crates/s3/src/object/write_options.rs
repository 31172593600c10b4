//! What a request that writes an object says of it beside its bytes. The same for PutObject, CopyObject,
//! CreateMultipartUpload and the browser's POST.

use strongroom_api_s3::{ServerSideEncryption, StorageClass};
use strongroom_gate::{BucketGrant, ErrorReply};

use super::customer;
use crate::S3;
use crate::error;
use crate::limits::MAX_WEBSITE_REDIRECT_BYTES;
use crate::row::{self, BucketRow, Headers};

/// What is refused, or accepted and without effect. Whatever is asked for and not built is refused, never passed over.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) encryption: Option<ServerSideEncryption>,
    pub(crate) kms_key_id: Option<&'a str>,
    /// Whether any header of SSE-C is given.
    pub(crate) customer_key: bool,
    /// Whether a retention or legal hold is asked for.
    pub(crate) lock: bool,
}

/// Fills [`Asked`] from an input: their members have the same names.
macro_rules! asked {
    ($input:expr) => {
        $crate::object::write_options::Asked {
            encryption: $input.server_side_encryption,
            kms_key_id: $input.sse_kms_key_id.as_deref(),
            customer_key: $crate::object::customer::customer_headers!($input).any(),
            lock: $input.object_lock_mode.is_some()
                || $input.object_lock_retain_until_date.is_some()
                || $input.object_lock_legal_hold_status.is_some()
                || $input.object_lock_event_hold.is_some(),
        }
    };
}
pub(crate) use asked;

/// The list that an input asks for, if it asks for one.
macro_rules! asked_acl {
    ($input:expr) => {
        $crate::acl::AskedAcl::of_head(
            $input.acl.map($crate::acl::CannedAcl::from),
            &$crate::acl::header_grants_of_upload!($input),
        )
    };
}
pub(crate) use asked_acl;

/// Takes the headers that are kept with an object from an input.
macro_rules! kept_headers {
    ($input:expr) => {
        $crate::row::Headers {
            content_type: $input.content_type.clone(),
            content_encoding: $crate::object::write_options::content_encoding(
                $input.content_encoding.as_deref(),
            ),
            content_disposition: $input.content_disposition.clone(),
            content_language: $input.content_language.clone(),
            cache_control: $input.cache_control.clone(),
            expires: $input.expires.clone(),
        }
    };
}
pub(crate) use kept_headers;

/// Refuses what is not built, where an input names a checksum beyond the five that are.
macro_rules! refuse_unknown_checksums {
    ($input:expr) => {
        if $input.checksum_sha512.is_some()
            || $input.checksum_md5.is_some()
            || $input.checksum_xxhash64.is_some()
            || $input.checksum_xxhash3.is_some()
            || $input.checksum_xxhash128.is_some()
        {
            return Err($crate::object::write_options::unknown_checksum());
        }
    };
}
pub(crate) use refuse_unknown_checksums;

/// The answer to a checksum that is not built.
pub(crate) fn unknown_checksum() -> ErrorReply {
    let message =
        "This checksum algorithm is not implemented yet. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.";
    error::not_implemented("x-amz-checksum-algorithm", message)
}

/// `Content-Encoding` without `aws-chunked`, which is only the way in which the body came.
pub(crate) fn content_encoding(header: Option<&str>) -> Option<String> {
    let header = header?;
    let chunked = |coding: &str| coding.trim().eq_ignore_ascii_case("aws-chunked");
    if !header.split(',').any(chunked) {
        return Some(header.to_owned());
    }
    let rest: Vec<_> = header.split(',').filter(|coding| !chunked(coding)).collect();
    (!rest.is_empty()).then(|| rest.join(",").trim().to_owned())
}

/// The storage class to keep: `None` for STANDARD.
///
/// DEVIATION: objects of the archive classes are kept and read like all others; nothing has to be restored.
///
/// # Errors
/// `InvalidStorageClass` for classes of other services.
pub(crate) fn storage_class(asked: Option<StorageClass>) -> Result<Option<String>, ErrorReply> {
    match asked {
        None | Some(StorageClass::Standard) => Ok(None),
        Some(
            class @ (StorageClass::ReducedRedundancy
            | StorageClass::StandardIa
            | StorageClass::OnezoneIa
            | StorageClass::IntelligentTiering
            | StorageClass::Glacier
            | StorageClass::DeepArchive
            | StorageClass::GlacierIr),
        ) => Ok(Some(class.as_str().to_owned())),
        Some(
            class @ (StorageClass::Outposts
            | StorageClass::Snow
            | StorageClass::ExpressOnezone
            | StorageClass::FsxOpenzfs
            | StorageClass::FsxOntap
            | StorageClass::AwsBackupWarm
            | StorageClass::AwsBackupLowCostWarm),
        ) => Err(error::invalid_storage_class(class.as_str())),
    }
}

/// The website redirect to keep.
///
/// # Errors
/// `InvalidRedirectLocation` for one that begins neither with `/` nor with `http://` or `https://`, or is too long.
pub(crate) fn website_redirect(asked: Option<&str>) -> Result<Option<String>, ErrorReply> {
    let Some(location) = asked else { return Ok(None) };
    if !["/", "http://", "https://"].iter().any(|begin| location.starts_with(begin)) {
        let message = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.";
        return Err(ErrorReply::new(400, "InvalidRedirectLocation", message));
    }
    if location.len() > MAX_WEBSITE_REDIRECT_BYTES {
        let message = "The length of website redirect location cannot exceed 2,048 characters.";
        return Err(ErrorReply::new(400, "InvalidRedirectLocation", message));
    }
    Ok(Some(location.to_owned()))
}

impl Headers {
    /// The content type, or what S3 says where none was given.
    pub(crate) fn shown_content_type(&self) -> String {
        self.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
    }
}

impl S3 {
    /// Refuses what cannot be asked of this bucket, or is not built.
    ///
    /// # Errors
    /// `InvalidRequest`, `NotImplemented`.
    pub(crate) async fn check_asked(&self, bucket: &BucketGrant, asked: Asked<'_>) -> Result<(), ErrorReply> {
        check_encryption(asked)?;
        if asked.lock {
            return Err(self.refuse_lock(bucket, "x-amz-object-lock-mode").await?);
        }
        Ok(())
    }

    /// Whether Object Lock was enabled for the bucket.
    pub(crate) async fn has_object_lock(&self, bucket: &BucketGrant) -> Result<bool, ErrorReply> {
        let row = self.read::<BucketRow>(bucket.partition(), row::BUCKET).await?;
        Ok(row.ok_or_else(error::internal)?.0.object_lock)
    }

    /// Why a lock cannot be had: the bucket has none, or they are not built.
    pub(crate) async fn refuse_lock(
        &self,
        bucket: &BucketGrant,
        header: &'static str,
    ) -> Result<ErrorReply, ErrorReply> {
        Ok(if self.has_object_lock(bucket).await? {
            error::not_implemented(header, "Object Lock is not implemented yet. Nothing was written.")
        } else {
            error::bucket_has_no_object_lock()
        })
    }
}

fn check_encryption(asked: Asked<'_>) -> Result<(), ErrorReply> {
    if let (true, Some(method)) = (asked.customer_key, asked.encryption) {
        return Err(customer::incompatible(method.as_str()));
    }
    let kms =
        matches!(asked.encryption, Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse));
    if asked.kms_key_id.is_some() && !kms {
        return Err(error::invalid_argument(
            "x-amz-server-side-encryption",
            asked.encryption.map_or("null", ServerSideEncryption::as_str),
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
        ));
    }
    if !matches!(asked.encryption, None | Some(ServerSideEncryption::Aes256)) {
        return Err(error::not_implemented(
            "x-amz-server-side-encryption",
            "Only AES256 (SSE-S3) is implemented yet, not keys of KMS. Nothing was written.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_the_body_is_not_kept() {
        for (header, kept) in [
            ("gzip,aws-chunked", Some("gzip")),
            ("aws-chunked", None),
            ("AWS-Chunked, gzip, br", Some("gzip, br")),
            ("deflate, gzip,aws-chunked", Some("deflate, gzip")),
            ("aws-chunked, aws-chunked", None),
            ("gzip, br", Some("gzip, br")),
        ] {
            assert_eq!(content_encoding(Some(header)).as_deref(), kept);
        }
        assert_eq!(content_encoding(None), None);
    }

    #[test]
    fn redirects_lead_to_a_path_or_to_http() {
        for good in ["/a", "http://a", "https://a"] {
            assert!(website_redirect(Some(good)).is_ok());
        }
        for bad in ["a", "ftp://a", &format!("/{}", "a".repeat(2048))] {
            assert_eq!(website_redirect(Some(bad)).unwrap_err().code, "InvalidRedirectLocation");
        }
    }

    #[test]
    fn classes_of_other_services_are_refused() {
        assert_eq!(storage_class(Some(StorageClass::Standard)), Ok(None));
        assert_eq!(storage_class(Some(StorageClass::GlacierIr)), Ok(Some("GLACIER_IR".to_owned())));
        assert_eq!(storage_class(Some(StorageClass::Snow)).unwrap_err().code, "InvalidStorageClass");
    }
}
