//! Values as CloudTrail shows them: `requestParameters` and `responseElements`.
//!
//! Source: CloudTrail User Guide, "CloudTrail record contents"; S3 User Guide, "Amazon S3 CloudTrail events", whose
//! examples show the names: `bucketName`, `key`, headers as such, sub-resources with an empty text, and documents of S3
//! with the names of their XML elements.

use strongroom_shape::{
    Kind, Location, Member, OperationSchema, ServiceSchema, ShapeWriter, Structure, TimestampFormat,
};
use strongroom_types::Timestamp;

use crate::binding::{fixed_query, is_stream};
use crate::json::push_string;
use crate::{limits, s3, scalar};

/// What stands in the place of a sensitive value.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The JSON text of `requestParameters` or `responseElements`: an object, or one that says that it was too long.
///
/// # Limits
/// [`limits::MAX_RENDERED_BYTES`].
pub fn render_cloudtrail(value: &dyn Structure) -> String {
    render(value, &mut std::iter::empty())
}

/// As [`render_cloudtrail`] for a request, with the sub-resources that S3's operations have in their URI
/// (`"versioning": ""`).
pub fn render_cloudtrail_request(
    service: &'static ServiceSchema,
    op: &'static OperationSchema,
    value: &dyn Structure,
) -> String {
    if s3::is_s3_family(service) {
        render(value, &mut fixed_query(op).filter(|name| *name != "x-id"))
    } else {
        render_cloudtrail(value)
    }
}

fn render(value: &dyn Structure, sub_resources: &mut dyn Iterator<Item = &'static str>) -> String {
    let mut renderer = Renderer { out: Vec::new(), first: true, named: true, wire_names: false };
    renderer.out.push(b'{');
    value.write(&mut renderer);
    for name in sub_resources {
        renderer.name(name);
        push_string(&mut renderer.out, "");
    }
    renderer.out.push(b'}');
    let size = renderer.out.len();
    match String::from_utf8(renderer.out) {
        Ok(text) if size <= limits::MAX_RENDERED_BYTES => text,
        _ => format!(r#"{{"omitted":true,"originalSize":{size},"reason":"larger than 100 KB"}}"#),
    }
}

struct Renderer {
    out: Vec<u8>,
    first: bool,
    named: bool,
    /// Within a document whose names are those of its XML elements.
    wire_names: bool,
}

impl Renderer {
    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        push_string(&mut self.out, name);
        self.out.push(b':');
    }

    /// Writes the name of a member; false if the member is not shown at all.
    fn begin(&mut self, member: &'static Member) -> bool {
        if is_stream(member) {
            return false;
        }
        if !self.named {
            self.comma();
            return true;
        }
        match member.location {
            // Of headers only Amazon's own are shown, user metadata never.
            Location::Header
                if !member.wire_name.get(..6).is_some_and(|s| s.eq_ignore_ascii_case("x-amz-")) =>
            {
                return false;
            }
            Location::HeaderPrefix | Location::StatusCode => return false,
            Location::Header => self.name(&member.wire_name.to_ascii_lowercase()),
            Location::Uri if member.wire_name == "Bucket" => self.name("bucketName"),
            Location::Query | Location::Payload => self.name(member.wire_name),
            Location::Body if self.wire_names => self.name(member.wire_name),
            Location::Uri | Location::Body => self.name(&lower_camel(member.name)),
        }
        true
    }

    fn text(&mut self, member: &'static Member, text: &str) {
        if self.begin(member) {
            push_string(&mut self.out, if is_hidden(member) { HIDDEN } else { text });
        }
    }

    fn raw(&mut self, member: &'static Member, text: &str) {
        if member.flags.sensitive {
            return self.text(member, "");
        }
        if self.begin(member) {
            self.out.extend_from_slice(text.as_bytes());
        }
    }

    fn container(
        &mut self,
        member: &'static Member,
        marks: [u8; 2],
        named: bool,
        show: &mut dyn FnMut(&mut Self),
    ) {
        if member.flags.sensitive {
            return self.text(member, "");
        }
        if !self.begin(member) {
            return;
        }
        let [open, close] = marks;
        let wire_names = self.wire_names || member.location == Location::Payload;
        let outer = (
            std::mem::replace(&mut self.first, true),
            std::mem::replace(&mut self.named, named),
            std::mem::replace(&mut self.wire_names, wire_names),
        );
        self.out.push(open);
        show(self);
        self.out.push(close);
        (self.first, self.named, self.wire_names) = outer;
    }
}

/// The codes of a second factor, which the models take for no secrets.
const CODES: [&str; 3] = ["AuthenticationCode1", "AuthenticationCode2", "TokenCode"];

/// Whether a text is not shown: it is sensitive by the model, the MD5 of a customer's key, by which whoever reads records
/// could try keys that a person chose, or a second factor's code.
fn is_hidden(member: &Member) -> bool {
    member.flags.sensitive || member.name.ends_with("SSECustomerKeyMD5") || CODES.contains(&member.name)
}

/// "UserName" as "userName", "ARN" as "aRN": CloudTrail lowers the first letter only.
fn lower_camel(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + characters.as_str())
}

impl ShapeWriter for Renderer {
    fn string(&mut self, member: &'static Member, value: &str) {
        self.text(member, value);
    }
    fn boolean(&mut self, member: &'static Member, value: bool) {
        self.raw(member, if value { "true" } else { "false" });
    }
    fn integer(&mut self, member: &'static Member, value: i64) {
        self.raw(member, &value.to_string());
    }
    fn float(&mut self, member: &'static Member, value: f64) {
        match scalar::float_name(value) {
            Some(name) => self.text(member, name),
            None => self.raw(member, &scalar::float_text(member, value)),
        }
    }
    fn blob(&mut self, member: &'static Member, value: &[u8]) {
        self.text(member, &format!("({} bytes)", value.len()));
    }
    fn timestamp(&mut self, member: &'static Member, value: Timestamp) {
        self.text(member, &scalar::timestamp_text(member, TimestampFormat::Iso8601, true, value));
    }
    fn document(&mut self, member: &'static Member, json: &str) {
        self.text(member, json);
    }
    fn structure(&mut self, member: &'static Member, value: &dyn Structure) {
        self.container(member, *b"{}", true, &mut |inner| value.write(inner));
    }
    fn list(&mut self, member: &'static Member, _: usize, elements: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        self.container(member, *b"[]", false, &mut |inner| elements(inner));
    }
    fn map(&mut self, member: &'static Member, _: usize, entries: &mut dyn FnMut(&mut dyn ShapeWriter)) {
        let hidden = matches!(member.kind, Kind::Map(map) if map.key.flags.sensitive);
        if hidden {
            return self.text(member, HIDDEN);
        }
        self.container(member, *b"{}", false, &mut |inner| entries(inner));
    }
    fn key(&mut self, key: &str) {
        self.name(key);
        self.first = true;
    }
    fn null(&mut self, member: &'static Member) {
        if self.begin(member) {
            self.out.extend_from_slice(b"null");
        }
    }
}
