//! What of a typed input policies may ask about: headers and query parameters, and tags.
//!
//! Source: Service Authorization Reference, condition keys of Amazon S3 (`s3:x-amz-acl`, `s3:prefix`, …) and of IAM
//! (`aws:RequestTag`, `aws:TagKeys`).

use percent_encoding::percent_decode_str;
use strongroom_shape::{Location, Member};

/// Values of an input that stand for condition keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Top-level members, by their name in the model, with their name on the wire: no documents, no secrets.
    named: Vec<(&'static str, &'static str, String)>,
    /// Tags that the request sets on its resource.
    pub tags: Vec<(String, String)>,
    /// Keys of tags that the request removes.
    pub removed_tags: Vec<String>,
    /// Keys of session tags that chained sessions keep.
    pub transitive_tags: Vec<String>,
    /// The domain of the e-mail address that the request gives an account; the address itself is nobody's to ask for.
    pub email_domain: Option<String>,
}

/// Members that hold whole documents: no condition key speaks of them.
const DOCUMENTS: [&str; 4] = ["AssumeRolePolicyDocument", "Content", "Policy", "PolicyDocument"];

impl Parameters {
    /// The value of a member of the input, by its name in the model ("Prefix").
    pub fn member(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(member, _, _)| *member == name).map(|(_, _, value)| value.as_str())
    }

    /// The value of a header or query parameter, by its name on the wire, in lower case.
    pub fn wire(&self, name: &str) -> Option<&str> {
        let found = self.named.iter().find(|(_, wire, _)| wire.eq_ignore_ascii_case(name));
        found.map(|(_, _, value)| value.as_str())
    }

    /// The keys of all tags that the request sets or removes.
    pub fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|(key, _)| key.as_str()).chain(self.removed_tags.iter().map(String::as_str))
    }

    /// Keeps what is deeper in the input under the name that it has elsewhere at the top.
    pub(crate) fn keep(&mut self, member: &'static str, value: String) {
        self.named.push((member, "", value));
    }

    pub(crate) fn note(&mut self, member: &'static Member, value: &str) {
        match (member.location, member.name) {
            // The models call it sensitive, and policies may ask for it all the same: it is the name of a key, not the key.
            (Location::Header, name @ "SSEKMSKeyId") => {
                self.named.push((name, member.wire_name, value.to_owned()));
            }
            (_, "PrimaryEmail") => {
                self.email_domain = value.rsplit_once('@').map(|(_, domain)| domain.to_owned());
            }
            _ if member.flags.sensitive => {}
            (Location::Header, "Tagging") => self.tags.extend(tags_of_header(value)),
            (Location::Body, name) if DOCUMENTS.contains(&name) => {}
            (Location::Header | Location::Query | Location::Body, name) => {
                self.named.push((name, member.wire_name, value.to_owned()));
            }
            _ => {}
        }
    }
}

/// The tags of `x-amz-tagging`. What is malformed there is refused by the handler; here it names nothing.
fn tags_of_header(header: &str) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    header.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::tags_of_header;

    #[test]
    fn a_tagging_header_is_a_query() {
        let tags: Vec<_> = tags_of_header("a=1&b%20c=d+e&f").collect();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(tags, [pair("a", "1"), pair("b c", "d e"), pair("f", "")]);
    }
}
