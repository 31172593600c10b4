//! The routes of Account Management.

use strongroom_shape::route::Router;

use crate::SERVICE;

/// The router of Account Management; it wants raw paths, `/getContactInformation`.
pub fn router() -> Router {
    Router::new(&SERVICE)
}

#[cfg(test)]
mod tests {
    use strongroom_shape::route::{Found, Place, Request, Unrouted};

    use super::*;

    fn ask<'a>(method: &'a str, path: &'a str) -> Result<Found<'a>, Unrouted> {
        router().resolve(&Request { method, place: Place::Path(path), query: &[], has_header: &|_| false })
    }

    #[test]
    fn every_operation_is_reached_by_its_own_path() {
        assert_eq!(SERVICE.operations.len(), 18);
        for operation in SERVICE.operations {
            let found = ask(operation.method, operation.uri).map(|found| found.operation.name);
            assert_eq!(found, Ok(operation.name));
        }
    }

    #[test]
    fn what_no_operation_has_is_refused() {
        assert_eq!(ask("POST", "/nothing"), Err(Unrouted::NoSuchPath));
        assert_eq!(ask("POST", "/"), Err(Unrouted::NoSuchPath));
        assert_eq!(ask("GET", "/listRegions"), Err(Unrouted::MethodNotAllowed));
    }
}
