//! ListObjectVersions, written by hand: on the wire, and for whoever reads the answer, versions and delete markers are
//! one sequence, keys in order and those of a key from the newest. The model has a list of each instead, which cannot
//! say how the two lie among each other; all else is as the model says, which is why the schemas are its own.
//!
//! Source: S3 API Reference, "ListObjectVersions", "Examples".

use std::ops::{Deref, DerefMut};

use strongroom_shape::{
    Kind, Member, ReadError, ShapeReader, ShapeWriter, Structure, StructureSchema, Value, opt, some,
};
#[cfg(feature = "client")]
use strongroom_shape::{grow, set};

use crate::generated::{operations as model, schema};
use crate::{CommonPrefix, DeleteMarkerEntry, EncodingType, ObjectVersion, RequestCharged};

/// What is asked. Its members are the model's; it is a type of its own because an input belongs to one operation, and
/// so to one output.
#[derive(Clone, Default)]
pub struct ListObjectVersionsInput(model::ListObjectVersionsInput);

impl Deref for ListObjectVersionsInput {
    type Target = model::ListObjectVersionsInput;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for ListObjectVersionsInput {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Structure for ListObjectVersionsInput {
    fn schema(&self) -> &'static StructureSchema {
        self.0.schema()
    }

    fn write(&self, writer: &mut dyn ShapeWriter) {
        self.0.write(writer);
    }

    fn read(&mut self, index: usize, reader: &mut dyn ShapeReader) -> Result<(), ReadError> {
        self.0.read(index, reader)
    }
}

/// One entry of the answer.
#[derive(Clone, Debug)]
pub enum ListedVersion {
    /// Element `Version`.
    Version(ObjectVersion),
    /// Element `DeleteMarker`.
    DeleteMarker(DeleteMarkerEntry),
}

/// What is answered.
#[derive(Clone, Default)]
pub struct ListObjectVersionsOutput {
    /// Member `IsTruncated`.
    pub is_truncated: Option<bool>,
    /// Member `KeyMarker`.
    pub key_marker: Option<String>,
    /// Member `VersionIdMarker`.
    pub version_id_marker: Option<String>,
    /// Member `NextKeyMarker`.
    pub next_key_marker: Option<String>,
    /// Member `NextVersionIdMarker`.
    pub next_version_id_marker: Option<String>,
    /// Members `Versions` and `DeleteMarkers`.
    pub entries: Vec<ListedVersion>,
    /// Member `Name`.
    pub name: Option<String>,
    /// Member `Prefix`.
    pub prefix: Option<String>,
    /// Member `Delimiter`.
    pub delimiter: Option<String>,
    /// Member `MaxKeys`.
    pub max_keys: Option<i32>,
    /// Member `CommonPrefixes`.
    pub common_prefixes: Vec<CommonPrefix>,
    /// Member `EncodingType`.
    pub encoding_type: Option<EncodingType>,
    /// Member `RequestCharged`, header `x-amz-request-charged`.
    pub request_charged: Option<RequestCharged>,
}

impl Structure for ListObjectVersionsOutput {
    fn schema(&self) -> &'static StructureSchema {
        &schema::LIST_OBJECT_VERSIONS_OUTPUT
    }

    /// Shows the two lists in pieces, as their elements come: both are flattened, so that on the wire a piece is no
    /// more than its elements.
    fn write(&self, writer: &mut dyn ShapeWriter) {
        let [
            is_truncated,
            key_marker,
            version_id_marker,
            next_key_marker,
            next_version_id_marker,
            versions,
            delete_markers,
            name,
            prefix,
            delimiter,
            max_keys,
            common_prefixes,
            encoding_type,
            request_charged,
        ] = &schema::LIST_OBJECT_VERSIONS_OUTPUT_MEMBERS;
        opt(&self.is_truncated, is_truncated, writer);
        opt(&self.key_marker, key_marker, writer);
        opt(&self.version_id_marker, version_id_marker, writer);
        opt(&self.next_key_marker, next_key_marker, writer);
        opt(&self.next_version_id_marker, next_version_id_marker, writer);
        for entry in &self.entries {
            match entry {
                ListedVersion::Version(version) => put_element(version, versions, writer),
                ListedVersion::DeleteMarker(marker) => put_element(marker, delete_markers, writer),
            }
        }
        opt(&self.name, name, writer);
        opt(&self.prefix, prefix, writer);
        opt(&self.delimiter, delimiter, writer);
        opt(&self.max_keys, max_keys, writer);
        some(&self.common_prefixes, common_prefixes, writer);
        opt(&self.encoding_type, encoding_type, writer);
        opt(&self.request_charged, request_charged, writer);
    }

    #[cfg(not(feature = "client"))]
    fn read(&mut self, _: usize, _: &mut dyn ShapeReader) -> Result<(), ReadError> {
        Err(ReadError::client_only())
    }

    #[cfg(feature = "client")]
    fn read(&mut self, index: usize, reader: &mut dyn ShapeReader) -> Result<(), ReadError> {
        let Some(member) = schema::LIST_OBJECT_VERSIONS_OUTPUT_MEMBERS.get(index) else { return Ok(()) };
        match member.name {
            "IsTruncated" => set(&mut self.is_truncated, member, reader),
            "KeyMarker" => set(&mut self.key_marker, member, reader),
            "VersionIdMarker" => set(&mut self.version_id_marker, member, reader),
            "NextKeyMarker" => set(&mut self.next_key_marker, member, reader),
            "NextVersionIdMarker" => set(&mut self.next_version_id_marker, member, reader),
            "Versions" => {
                let versions: Vec<ObjectVersion> = Value::take(member, reader)?;
                self.entries.extend(versions.into_iter().map(ListedVersion::Version));
                Ok(())
            }
            "DeleteMarkers" => {
                let markers: Vec<DeleteMarkerEntry> = Value::take(member, reader)?;
                self.entries.extend(markers.into_iter().map(ListedVersion::DeleteMarker));
                Ok(())
            }
            "Name" => set(&mut self.name, member, reader),
            "Prefix" => set(&mut self.prefix, member, reader),
            "Delimiter" => set(&mut self.delimiter, member, reader),
            "MaxKeys" => set(&mut self.max_keys, member, reader),
            "CommonPrefixes" => grow(&mut self.common_prefixes, member, reader),
            "EncodingType" => set(&mut self.encoding_type, member, reader),
            "RequestCharged" => set(&mut self.request_charged, member, reader),
            _ => Ok(()),
        }
    }
}

/// Shows one element of a list.
fn put_element<T: Value>(element: &T, member: &'static Member, writer: &mut dyn ShapeWriter) {
    if let Kind::List(list) = member.kind {
        writer.list(member, 1, &mut |writer| element.put(&list.element, writer));
    }
}

strongroom_shape::structures! { ListObjectVersionsInput ListObjectVersionsOutput }

strongroom_shape::operations! {
    ListObjectVersions: ListObjectVersionsInput => ListObjectVersionsOutput,
        crate::generated::service::LIST_OBJECT_VERSIONS;
}

#[cfg(test)]
mod tests {
    use strongroom_shape::{Location, Operation as _};

    use super::*;

    #[test]
    fn both_lists_are_flattened_so_that_they_can_be_shown_in_pieces() {
        let members = ListObjectVersionsOutput::default().schema().members;
        let lists = members.iter().filter(|member| ["Versions", "DeleteMarkers"].contains(&member.name));
        let flat = |member: &&Member| {
            let Kind::List(list) = member.kind else { return false };
            list.flattened && member.location == Location::Body
        };
        assert_eq!(lists.filter(flat).count(), 2);
    }

    #[test]
    fn the_operation_of_this_crate_is_the_one_that_is_routed() {
        assert!(crate::SERVICE.operations.contains(&crate::op::ListObjectVersions::SCHEMA));
        let input = crate::ListObjectVersionsInput::default();
        assert_eq!(input.schema().name, "ListObjectVersionsRequest");
    }
}
