//! Errors of S3.
