//! What goes in and comes out: heads, answers and errors, free of any HTTP machinery.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use strongroom_shape::{ErrorSchema, Fault, Structure};

/// All of a request but its body, as the router leaves it.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The labels of the operation's URI by name, percent-decoded once.
    pub labels: &'a [(&'a str, Cow<'a, str>)],
    /// The query in its order, percent-decoded once.
    pub query: &'a [(String, String)],
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// An answer, ready for the wire but for the headers that every answer carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers; a name may occur more than once.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty for a streamed payload.
    pub body: Vec<u8>,
}

/// A request as a client sends it, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRequest {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded.
    pub uri: String,
    /// Headers; neither `Host` nor anything of the signature.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty for a streamed payload.
    pub body: Vec<u8>,
}

/// An error on its way to the caller.
#[derive(Clone)]
pub struct ErrorResponse<'a> {
    /// Code on the wire ("NoSuchKey").
    pub code: Cow<'a, str>,
    /// Sentence for the caller; left out if empty.
    pub message: Cow<'a, str>,
    /// HTTP status.
    pub status: u16,
    /// Whose fault.
    pub fault: Fault,
    /// Further plain members of the error, in order ("BucketName", "Region").
    pub members: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The modelled error, where one exists: its name differs from the code in some protocols.
    pub schema: Option<&'static ErrorSchema>,
    /// Members of the modelled error.
    pub detail: Option<&'a dyn Structure>,
    /// What was asked for (S3: the path).
    pub resource: Option<Cow<'a, str>>,
    /// Id of the request.
    pub request_id: Cow<'a, str>,
    /// S3's second id.
    pub host_id: Option<Cow<'a, str>>,
}

impl<'a> ErrorResponse<'a> {
    /// An error with nothing but what every error has.
    pub fn new(code: impl Into<Cow<'a, str>>, message: impl Into<Cow<'a, str>>, status: u16) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status,
            fault: if status >= 500 { Fault::Receiver } else { Fault::Sender },
            members: Vec::new(),
            schema: None,
            detail: None,
            resource: None,
            request_id: Cow::Borrowed(""),
            host_id: None,
        }
    }

    /// Name of the modelled shape, or the code.
    pub(crate) fn shape_name(&self) -> &str {
        match (self.schema, self.detail) {
            (Some(schema), _) => schema.name,
            (None, Some(detail)) => detail.schema().name,
            (None, None) => &self.code,
        }
    }
}

impl std::fmt::Debug for ErrorResponse<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErrorResponse")
            .field("code", &self.code)
            .field("status", &self.status)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// An error as a client finds it in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorAnswer {
    /// Code, without namespace.
    pub code: String,
    /// Sentence of the service; empty if it gave none.
    pub message: String,
    /// Id of the request, if the body or a header has it.
    pub request_id: Option<String>,
}

/// Why a value has no form on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A header cannot hold the value (control characters).
    #[error("{member}: the value cannot be a header")]
    Header {
        /// Name of the member in the model.
        member: &'static str,
    },
    /// The member has no form at this place of this protocol.
    #[error("{member}: cannot be written at its place")]
    Place {
        /// Name of the member in the model.
        member: &'static str,
    },
    /// A label of the URI has no value, or an empty one.
    #[error("{label}: needs a value, it is part of the path")]
    Label {
        /// Name of the label.
        label: String,
    },
}
