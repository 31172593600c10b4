//! The routes of S3.

use strongroom_shape::route::Router;

use crate::{SERVICE, service};

/// The router of S3. Deprecated twins of other operations are left out, and so is ListDirectoryBuckets, which differs
/// from ListBuckets by its host alone.
pub fn router() -> Router {
    Router::without(&SERVICE, service::SHADOWED)
}

#[cfg(test)]
mod tests;
