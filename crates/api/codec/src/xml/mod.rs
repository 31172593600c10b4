//! XML for restXml, awsQuery's and ec2Query's answers.

mod cursor;
mod escape;
mod read;
mod write;

pub(crate) use cursor::{Cursor, Limits};
pub(crate) use escape::{push_attribute, push_text};
pub use read::fuzz_rest_xml;
pub(crate) use read::{read_document, read_members, read_text_document};
pub(crate) use write::{Style, XmlWriter, payload_root};

/// What each XML body of ours begins with. An answer that is kept waiting (CompleteMultipartUpload) sends this first,
/// then spaces, then the rest of its body.
pub const XML_DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
