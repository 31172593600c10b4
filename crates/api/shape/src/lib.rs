//! One description, many wires: static schemas of the AWS shapes, and two small traits through which a value is walked.
//!
//! For each shape the generator emits a plain struct, a static [`StructureSchema`] and an implementation of
//! [`Structure`]. A codec (restXml, awsJson, …, the CloudTrail rendering, the validator) is ordinary code over
//! [`ShapeWriter`] or [`ShapeReader`], so generated code grows with shapes and never with shapes × protocols.

mod build;
mod common_error;
mod debug;
mod macros;
mod operation;
pub mod route;
mod schema;
mod untyped;
mod value;
mod walk;

pub use common_error::CommonError;
pub use debug::fmt_redacted;
pub use operation::{ErrorSchema, Fault, Input, Operation, OperationSchema, Protocol, ServiceSchema};
pub use schema::{
    Constraints, Flags, Kind, ListSchema, Location, MapSchema, Member, StructureSchema, TimestampFormat,
};
pub use untyped::Untyped;
pub use value::{Document, Value, grow, opt, set, some};
pub use walk::{ReadError, ReadErrorKind, ShapeReader, ShapeWriter, Structure};
