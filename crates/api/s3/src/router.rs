//! The routes of S3.

use strongroom_shape::route::{Place, Request, Router};

use crate::{SERVICE, service};

/// The router of S3. Deprecated twins of other operations are left out, and so is ListDirectoryBuckets, which differs
/// from ListBuckets by its host alone.
pub fn router() -> Router {
    Router::without(&SERVICE, service::SHADOWED)
}

/// Fuzz entry: lines of a request's head (method, path, then `name=value` for the query, `name:` for headers) must not
/// panic, and what they reach must have the method.
#[doc(hidden)]
pub fn fuzz_router(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let method = lines.next().unwrap_or_default();
    let path = lines.next().unwrap_or_default();
    let place = match path {
        "" => Place::Service,
        "b" => Place::Bucket,
        "o" => Place::Object,
        path => Place::Path(path),
    };
    let query: Vec<(&str, &str)> = lines.clone().filter_map(|line| line.split_once('=')).collect();
    let headers: Vec<&str> = lines.filter_map(|line| line.strip_suffix(':')).collect();
    let has_header = |name: &str| headers.iter().any(|header| header.eq_ignore_ascii_case(name));
    if let Ok(found) = router().resolve(&Request { method, place, query: &query, has_header: &has_header }) {
        assert_eq!(found.operation.method, method, "an operation of another method was reached");
    }
}

#[cfg(test)]
mod tests;
