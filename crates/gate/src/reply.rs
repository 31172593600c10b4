//! What handlers give back, before any wire.

use std::borrow::Cow;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use strongroom_shape::Operation;
use strongroom_storage::StoreError;
use strongroom_types::Region;

use crate::{Authorized, Body, Denied, ServicePrincipal};

/// Plaintext bytes of an answer, as they are opened.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// The body of an answer whose output has a streaming payload.
pub struct ReplyBody {
    /// Its length in bytes.
    pub length: u64,
    /// The bytes. An error ends the connection, so that a client never takes a part for the whole.
    pub bytes: ByteStream,
}

/// The answer of a handler.
pub struct Reply<O> {
    /// The typed output.
    pub output: O,
    /// The streaming payload.
    pub body: Option<ReplyBody>,
    /// A status other than the model's (206, 304).
    pub status: Option<u16>,
    /// Headers that the model does not have.
    pub headers: Vec<(&'static str, String)>,
    /// Size of the object concerned, for records.
    pub object_size: Option<u64>,
}

impl<O> Reply<O> {
    /// An answer of just an output.
    pub fn new(output: O) -> Self {
        Self { output, body: None, status: None, headers: Vec::new(), object_size: None }
    }
}

/// An error, before any wire: its code, and what its document shows beside the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReply {
    /// HTTP status.
    pub status: u16,
    /// Code.
    pub code: Cow<'static, str>,
    /// Message for people: what was wrong, what to do.
    pub message: String,
    /// Further elements of the document.
    pub members: Vec<(&'static str, String)>,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Whether the answer has no body at all (304).
    pub bare: bool,
    /// The decision that this is the answer to, where those who look after the caller's account may be told more of it.
    pub denied: Option<Box<Denied>>,
}

impl ErrorReply {
    /// An error.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { status, code, message, members: Vec::new(), headers: Vec::new(), bare: false, denied: None }
    }

    /// Adds an element to the document.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<&StoreError> for ErrorReply {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::new(
                409,
                "OperationAborted",
                "A conflicting conditional operation is currently in progress against this resource. Try again.",
            ),
            StoreError::DiskFull { .. } | StoreError::Poisoned { .. } | StoreError::Closed => {
                Self::new(503, "ServiceUnavailable", format!("The store cannot take this request: {error}"))
            }
            StoreError::Busy => Self::new(503, "SlowDown", "Please reduce your request rate."),
            StoreError::Unknown
            | StoreError::Corrupt { .. }
            | StoreError::NoSuchBlob(_)
            | StoreError::TooLarge { .. } => {
                Self::new(500, "InternalError", "We encountered an internal error. Please try again.")
            }
        }
    }
}

/// Does one operation. Nothing but the pipeline and `Dispatch` calls it, and only the gate makes what it takes.
#[async_trait]
pub trait Handle<O: Operation>: Send + Sync {
    /// Handles a request that was allowed.
    async fn handle(&self, request: Authorized<O::Input>) -> Result<Reply<O::Output>, ErrorReply>;
}

/// Work that a part of the store does without a request from outside: lifecycle, replication, delivery of logs,
/// remediation. It goes the way of a request, from its typed input through the gate and the handler to its record.
/// `server` wires it; whoever has work asks for `Arc<dyn Dispatch<O>>` of the operations that it needs.
#[async_trait]
pub trait Dispatch<O: Operation>: Send + Sync {
    /// Does one operation as `service`, in the region where its bucket lies.
    ///
    /// # Errors
    /// Those of the operation, `AccessDenied` included; `ServiceUnavailable` while records cannot be kept.
    async fn dispatch(
        &self,
        service: ServicePrincipal,
        region: Region,
        input: O::Input,
        body: Option<Body>,
    ) -> Result<Reply<O::Output>, ErrorReply>;
}
