//! IAM Access Analyzer: policies are checked before they are put anywhere.
//!
//! In reading order: [`validate`] is the operation that gathers findings; [`issue`] names them as AWS does, [`advice`]
//! finds what is valid and unwise, [`place`] says where; [`no_public_access`] is the other operation.

mod advice;
mod issue;
mod no_public_access;
mod place;
mod validate;

use strongroom_gate::ErrorReply;

/// Source: Access Analyzer API Reference, "Common error types".
fn validation_exception(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(400, "ValidationException", message.into())
}
