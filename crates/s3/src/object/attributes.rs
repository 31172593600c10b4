//! GetObjectAttributes.

use async_trait::async_trait;
use strongroom_api_s3::{
    Checksum, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectAttributes, ObjectPart, StorageClass, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};
use strongroom_record::EffectKind;
use strongroom_storage::Partition;
use strongroom_types::UploadId;

use super::checksums::show_checksums;
use super::customer::customer_headers;
use super::versions::effect;
use crate::S3;
use crate::error;
use crate::limits::MAX_ATTRIBUTE_PARTS;
use crate::row::{self, ChecksumRow, Content, PartRow};

#[async_trait]
impl Handle<op::GetObjectAttributes> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<GetObjectAttributesInput>,
    ) -> Result<Reply<GetObjectAttributesOutput>, ErrorReply> {
        let input = request.input();
        let customer = customer_headers!(input).read(request.request().secure_transport)?;
        if input.object_attributes.is_empty() {
            let message = "The x-amz-object-attributes header specifying the attributes to be retrieved is either \
                           missing or empty";
            return Err(error::invalid_argument("x-amz-object-attributes", "null", message));
        }
        let object = self.decided_object(&mut request, "GET").await?;
        let input = request.input();
        let (bucket, key, asked) = (request.bucket()?, request.key()?, request.target().version_id);
        let partition = bucket.partition();
        self.check_customer(bucket.id(), key, &object.content, customer.as_deref())?;
        let version_id = self.shown_version(partition, object.id, asked).await?;
        let content = &object.content;
        let wants = |attribute| input.object_attributes.contains(&attribute);
        let mut output = GetObjectAttributesOutput {
            last_modified: Some(object.modified),
            version_id: version_id.clone(),
            ..GetObjectAttributesOutput::default()
        };
        if wants(ObjectAttributes::Etag) {
            output.etag = Some(content.etag.clone());
        }
        if wants(ObjectAttributes::ObjectSize) {
            output.object_size = i64::try_from(content.size).ok();
        }
        if wants(ObjectAttributes::StorageClass) {
            let class = content.storage_class.as_deref().and_then(StorageClass::parse);
            output.storage_class = Some(class.unwrap_or(StorageClass::Standard));
        }
        if wants(ObjectAttributes::Checksum) && !content.checksums.is_empty() {
            let mut checksum = Checksum::default();
            // The value alone: the number of parts stands in ObjectParts.
            let plain: Vec<_> = content.checksums.iter().map(without_count).collect();
            show_checksums!(checksum, &plain);
            output.checksum = Some(Box::new(checksum));
        }
        if let (true, Some(upload)) = (wants(ObjectAttributes::ObjectParts), content.upload_id()) {
            let parts = self.attribute_parts(partition, upload, content, input).await?;
            output.object_parts = Some(Box::new(parts));
        }
        let shown = version_id.is_some().then_some(object.id);
        request.note(effect(EffectKind::Read, key, shown, Some(content.size)));
        Ok(Reply { object_size: Some(content.size), ..Reply::new(output) })
    }
}

fn without_count(row: &ChecksumRow) -> ChecksumRow {
    let value = row.value.split_once('-').map_or(row.value.as_str(), |(value, _)| value);
    ChecksumRow { value: value.to_owned(), ..row.clone() }
}

impl S3 {
    /// The parts of an object: their number always, themselves where they have checksums of their own.
    async fn attribute_parts(
        &self,
        partition: Partition,
        upload: UploadId,
        content: &Content,
        input: &GetObjectAttributesInput,
    ) -> Result<GetObjectAttributesParts, ErrorReply> {
        let most = input.max_parts.unwrap_or(MAX_ATTRIBUTE_PARTS);
        if most < 0 {
            let message = "Argument max-parts must be an integer between 0 and 2147483647";
            return Err(error::invalid_argument("max-parts", most.to_string(), message));
        }
        let marker = input.part_number_marker.unwrap_or(0);
        if marker < 0 {
            let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
            return Err(error::invalid_argument("part-number-marker", marker.to_string(), message));
        }
        let total_parts_count = content.parts.map(i32::from);
        if content.checksums.first().is_none_or(|row| row.kind != "COMPOSITE") {
            return Ok(GetObjectAttributesParts { total_parts_count, ..GetObjectAttributesParts::default() });
        }
        let most = most.min(MAX_ATTRIBUTE_PARTS);
        let layout = self.layout(partition, upload).await?;
        let mut rest = layout.parts.iter().filter(|(number, _)| i32::from(*number) > marker);
        let mut parts = Vec::new();
        for (number, size) in rest.by_ref().take(usize::try_from(most).unwrap_or(0)) {
            let row = self.read::<PartRow>(partition, &row::part(upload, *number)).await?;
            let (row, _) = row.ok_or_else(error::slow_down)?;
            parts.push(part(*number, *size, &row.checksums));
        }
        let is_truncated = rest.next().is_some();
        Ok(GetObjectAttributesParts {
            total_parts_count,
            part_number_marker: Some(marker),
            next_part_number_marker: Some(
                parts.last().and_then(|part: &ObjectPart| part.part_number).unwrap_or(marker),
            ),
            max_parts: Some(most),
            is_truncated: Some(is_truncated),
            parts,
        })
    }
}

fn part(number: u16, size: u64, checksums: &[ChecksumRow]) -> ObjectPart {
    let value = |name: &str| checksums.iter().find(|row| row.algorithm == name).map(|row| row.value.clone());
    ObjectPart {
        part_number: Some(i32::from(number)),
        size: i64::try_from(size).ok(),
        checksum_crc32: value("CRC32"),
        checksum_crc32c: value("CRC32C"),
        checksum_crc64nvme: value("CRC64NVME"),
        checksum_sha1: value("SHA1"),
        checksum_sha256: value("SHA256"),
        ..ObjectPart::default()
    }
}
