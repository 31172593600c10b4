//! The routes of Access Analyzer.

use strongroom_shape::route::Router;

use crate::SERVICE;

/// The router of Access Analyzer; it wants raw paths, `/policy/validation`.
pub fn router() -> Router {
    Router::new(&SERVICE)
}

#[cfg(test)]
mod tests {
    use strongroom_shape::route::{Place, Request};

    use super::*;

    #[test]
    fn every_operation_is_reached_by_its_own_path() {
        assert_eq!(SERVICE.operations.len(), 39);
        for operation in SERVICE.operations {
            let path = operation.uri.replace("{resourceArn}", "arn").replace(['{', '}', '+'], "");
            let request = Request {
                method: operation.method,
                place: Place::Path(&path),
                query: &[],
                has_header: &|_| false,
            };
            let found = router().resolve(&request).map(|found| found.operation.name);
            assert_eq!(found, Ok(operation.name), "{path}");
        }
    }
}
