//! The routes of S3 Control.

use strongroom_shape::route::Router;

use crate::SERVICE;

/// The router of S3 Control; it wants raw paths, `/v20180820/…`.
pub fn router() -> Router {
    Router::new(&SERVICE)
}

#[cfg(test)]
mod tests {
    use strongroom_shape::route::{Found, Place, Request, Unrouted};

    use super::*;

    fn ask<'a>(method: &'a str, path: &'a str) -> Result<Found<'a>, Unrouted> {
        let account = |name: &str| name.eq_ignore_ascii_case("x-amz-account-id");
        router().resolve(&Request { method, place: Place::Path(path), query: &[], has_header: &account })
    }

    #[test]
    fn every_operation_is_reached_by_its_own_path() {
        assert_eq!(SERVICE.operations.len(), 97);
        for operation in SERVICE.operations {
            let path = operation.uri.replace("+}", "}").replace(['{', '}'], "");
            assert_eq!(ask(operation.method, &path).map(|found| found.operation.name), Ok(operation.name));
        }
    }

    #[test]
    fn labels_stay_encoded_and_greedy_ones_keep_their_slashes() {
        let found = ask("GET", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Ab").unwrap();
        assert_eq!(found.operation.name, "ListTagsForResource");
        assert_eq!(found.labels, [("resourceArn", "arn%3Aaws%3As3%3A%3A%3Ab")]);
        let found = ask("GET", "/v20180820/tags/arn:aws:s3:us-east-1:111122223333:accesspoint/a").unwrap();
        assert_eq!(found.labels, [("resourceArn", "arn:aws:s3:us-east-1:111122223333:accesspoint/a")]);
        let found = ask("GET", "/v20180820/mrap/instances/a/b/policy").unwrap();
        assert_eq!(
            (found.operation.name, found.labels),
            ("GetMultiRegionAccessPointPolicy", vec![("name", "a/b")])
        );
    }

    #[test]
    fn what_no_operation_has_is_refused() {
        assert_eq!(ask("GET", "/v20180820/nothing"), Err(Unrouted::NoSuchPath));
        assert_eq!(ask("GET", "/v20180820/accesspoint/"), Err(Unrouted::NoSuchPath));
        assert_eq!(ask("GET", "/v20180820/accesspoint/a/policy/x"), Err(Unrouted::NoSuchPath));
        assert_eq!(ask("PATCH", "/v20180820/accesspoint/a"), Err(Unrouted::MethodNotAllowed));
    }
}
