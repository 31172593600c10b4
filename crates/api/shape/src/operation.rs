//! Static descriptions of operations and services.

use crate::{Structure, StructureSchema};

/// A wire protocol of the AWS services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// REST with XML bodies (S3, S3 Control).
    RestXml,
    /// REST with JSON bodies.
    RestJson1,
    /// JSON bodies, `X-Amz-Target`, version 1.0.
    AwsJson10,
    /// JSON bodies, `X-Amz-Target`, version 1.1.
    AwsJson11,
    /// Form-encoded requests, XML answers (IAM, STS).
    AwsQuery,
    /// EC2's dialect of awsQuery.
    Ec2Query,
    /// CBOR bodies at `/service/S/operation/O`.
    RpcV2Cbor,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller's.
    Sender,
    /// The service's.
    Receiver,
}

/// An error that the model names.
#[derive(Debug)]
pub struct ErrorSchema {
    /// Name of the shape.
    pub name: &'static str,
    /// Code on the wire (`error.code`, or the shape's name).
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whose fault.
    pub fault: Fault,
    /// Its members.
    pub structure: &'static StructureSchema,
}

/// An operation: its route, and its shapes.
#[derive(Debug)]
pub struct OperationSchema {
    /// Name in the model ("PutObject").
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Request URI with labels and fixed query ("/{Bucket}/{Key+}?tagging").
    pub uri: &'static str,
    /// Status of a success.
    pub status: u16,
    /// The input; empty if the model has none.
    pub input: &'static StructureSchema,
    /// The output; empty if the model has none.
    pub output: &'static StructureSchema,
    /// XML root element of the request body that all body members lie in, and its namespace (restXml, no payload member).
    pub input_root: Option<(&'static str, Option<&'static str>)>,
    /// Element around the members of the answer (awsQuery's `resultWrapper`).
    pub result_wrapper: Option<&'static str>,
    /// Errors that the model names.
    pub errors: &'static [&'static ErrorSchema],
    /// The input's payload is a stream.
    pub streaming_input: bool,
    /// The output's payload is a stream.
    pub streaming_output: bool,
    /// The body must carry a Content-MD5 or checksum header.
    pub checksum_required: bool,
    /// The model declares it callable without a signature (`authtype: none`).
    pub unsigned: bool,
}

impl PartialEq for OperationSchema {
    /// Operations are the statics that describe them.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for OperationSchema {}

/// A service: how it is found, and what it can do.
#[derive(Debug)]
pub struct ServiceSchema {
    /// Name in botocore ("s3", "sts").
    pub name: &'static str,
    /// Id in the model ("S3 Control").
    pub service_id: &'static str,
    /// Name in credential scopes.
    pub signing_name: &'static str,
    /// Version of the API ("2006-03-01").
    pub api_version: &'static str,
    /// `X-Amz-Target` before the dot, if any.
    pub target_prefix: Option<&'static str>,
    /// Default XML namespace.
    pub xml_namespace: Option<&'static str>,
    /// All protocols that the model lists.
    pub protocols: &'static [Protocol],
    /// Errors carry `x-amzn-query-error` too.
    pub query_compatible: bool,
    /// All operations.
    pub operations: &'static [&'static OperationSchema],
}

/// A marker type for an operation; ties its shapes together.
pub trait Operation: Send + Sync + 'static {
    /// What is asked.
    type Input: Input<Operation = Self>;
    /// What is answered.
    type Output: Structure + Default + Send + Sync + 'static;
    /// Its description.
    const SCHEMA: &'static OperationSchema;
}

/// The input of exactly one operation.
pub trait Input: Structure + Default + Send + Sync + 'static {
    /// The operation.
    type Operation: Operation<Input = Self>;
}
