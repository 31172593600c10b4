//! Why a message was refused before anything interpreted it.

/// What is wrong with the framing of a message.
///
/// # Source
/// RFC 9112 sections 2.2 (line ends), 3 (request line), 3.2 (target and Host), 5.1 and 5.2 (field syntax,
/// obs-fold), 6.1 to 6.3 (Transfer-Encoding and Content-Length), 7.1 (chunked).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeadFault {
    /// A line ended in LF without CR.
    #[error("a line ends in LF without CR; end each line of the head with CRLF")]
    BareLineFeed,
    /// A CR that no LF follows.
    #[error("the head has a CR that no LF follows")]
    BareCarriageReturn,
    /// A NUL or another control character in the head.
    #[error("the head has a control character")]
    ControlCharacter,
    /// More than one empty line before the request line.
    #[error("the request line is missing")]
    RequestLineMissing,
    /// The request line is not `method SP target SP version`.
    #[error("the request line is not a method, a target and a version, each one space apart")]
    RequestLineMalformed,
    /// The request line is longer than the limit.
    #[error("the request line is too long")]
    RequestLineTooLong,
    /// The method is not a token, is too long, or is CONNECT.
    #[error("the method is not one that an origin server takes")]
    MethodRefused,
    /// A version other than HTTP/1.1 and HTTP/1.0.
    #[error("only HTTP/1.1 is spoken here")]
    VersionRefused,
    /// The target has bytes that a URI cannot have.
    #[error("the request target has characters that must be percent-encoded")]
    TargetMalformed,
    /// The target is in absolute form and disagrees with Host, or is in a form that does not fit the method.
    #[error("the request target must be a path, or name the same host as the Host header")]
    TargetFormRefused,
    /// A header line that begins with white space.
    #[error("a header line begins with white space; folded headers are not taken")]
    ObsoleteFold,
    /// White space between a header's name and its colon.
    #[error("white space stands between a header's name and its colon")]
    WhitespaceBeforeColon,
    /// A header line without a colon or with a name that is not a token.
    #[error("a header has no valid name")]
    HeaderNameMalformed,
    /// More header fields than the limit.
    #[error("the request has too many header fields")]
    TooManyHeaders,
    /// A head longer than the limit.
    #[error("Your request header section exceeds the maximum allowed size.")]
    HeadTooLarge,
    /// No Host, or an empty one.
    #[error("the Host header is missing")]
    HostMissing,
    /// Two Host headers.
    #[error("the Host header is given twice")]
    HostDuplicated,
    /// A Host that is no host and port.
    #[error("the Host header is not a host with an optional port")]
    HostMalformed,
    /// A Content-Length that is not plain digits, or far too many of them.
    #[error("the Content-Length header is not a plain number")]
    ContentLengthMalformed,
    /// Two Content-Length headers, equal or not.
    #[error("the Content-Length header is given twice")]
    ContentLengthDuplicated,
    /// Content-Length beside Transfer-Encoding.
    #[error("Content-Length and Transfer-Encoding are given together")]
    ContentLengthWithTransferEncoding,
    /// A Transfer-Encoding other than `chunked`, twice, or in HTTP/1.0.
    #[error("the only transfer encoding is chunked, once, in HTTP/1.1")]
    TransferEncodingRefused,
    /// A chunk's size line is malformed or too long.
    #[error("a chunk's size line is malformed")]
    ChunkSizeMalformed,
    /// A chunk's data do not end in CRLF.
    #[error("a chunk does not end where its size says")]
    ChunkEndMalformed,
    /// The trailer fields are longer than the limit.
    #[error("the trailer fields are too long")]
    TrailerTooLarge,
    /// The head did not arrive in time.
    #[error(
        "Your socket connection to the server was not read from or written to within the timeout period."
    )]
    HeadTimeout,
}

impl HeadFault {
    /// Every fault, for tables of tests and metrics.
    pub const ALL: [Self; 26] = [
        Self::BareLineFeed,
        Self::BareCarriageReturn,
        Self::ControlCharacter,
        Self::RequestLineMissing,
        Self::RequestLineMalformed,
        Self::RequestLineTooLong,
        Self::MethodRefused,
        Self::VersionRefused,
        Self::TargetMalformed,
        Self::TargetFormRefused,
        Self::ObsoleteFold,
        Self::WhitespaceBeforeColon,
        Self::HeaderNameMalformed,
        Self::TooManyHeaders,
        Self::HeadTooLarge,
        Self::HostMissing,
        Self::HostDuplicated,
        Self::HostMalformed,
        Self::ContentLengthMalformed,
        Self::ContentLengthDuplicated,
        Self::ContentLengthWithTransferEncoding,
        Self::TransferEncodingRefused,
        Self::ChunkSizeMalformed,
        Self::ChunkEndMalformed,
        Self::TrailerTooLarge,
        Self::HeadTimeout,
    ];

    /// The error code of the answer; its status is always 400.
    ///
    /// # Source
    /// S3 API Reference, "Error responses": BadRequest, InvalidURI, RequestHeaderSectionTooLarge, RequestTimeout.
    pub fn code(self) -> &'static str {
        match self {
            Self::TargetMalformed | Self::TargetFormRefused | Self::RequestLineTooLong => "InvalidURI",
            Self::HeadTooLarge | Self::TooManyHeaders => "RequestHeaderSectionTooLarge",
            Self::HeadTimeout => "RequestTimeout",
            Self::BareLineFeed
            | Self::BareCarriageReturn
            | Self::ControlCharacter
            | Self::RequestLineMissing
            | Self::RequestLineMalformed
            | Self::MethodRefused
            | Self::VersionRefused
            | Self::ObsoleteFold
            | Self::WhitespaceBeforeColon
            | Self::HeaderNameMalformed
            | Self::HostMissing
            | Self::HostDuplicated
            | Self::HostMalformed
            | Self::ContentLengthMalformed
            | Self::ContentLengthDuplicated
            | Self::ContentLengthWithTransferEncoding
            | Self::TransferEncodingRefused
            | Self::ChunkSizeMalformed
            | Self::ChunkEndMalformed
            | Self::TrailerTooLarge => "BadRequest",
        }
    }
}
