//! From a request's method, place, query and headers to the operation it asks for; for services with REST routes.
//!
//! The rules, in order:
//! 1. the path fits, the more literal segments the better;
//! 2. a *sub-resource*, a parameter that some route of this place has as a fixed part of its query (`acl`, `uploads`),
//!    decides alone: a request that names one never reaches an operation without it (so `DELETE /bucket?acl` does not
//!    delete the bucket), and one that names two is a conflict;
//! 3. among the operations that remain, required query parameters and headers decide (`uploadId`, `partNumber`,
//!    `x-amz-copy-source`), the more the better;
//! 4. other parameters are ignored, as AWS does (`x-id`).

use crate::{Location, OperationSchema, ServiceSchema};

/// The routes of one service.
#[derive(Debug)]
pub struct Router {
    routes: Vec<Route>,
}

/// What of a request decides about its operation.
#[derive(Clone, Copy)]
pub struct Request<'r, 'p> {
    /// The HTTP method.
    pub method: &'r str,
    /// The path.
    pub place: Place<'p>,
    /// Names and values of the query, decoded, in order.
    pub query: &'r [(&'r str, &'r str)],
    /// Whether the request has a header of this name (the case of letters does not matter).
    pub has_header: &'r dyn Fn(&str) -> bool,
}

/// Where in the service a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// S3, where the caller has found bucket and key already: the service itself.
    Service,
    /// S3: a bucket.
    Bucket,
    /// S3: an object.
    Object,
    /// Any other service: the raw path, still percent-encoded.
    Path(&'a str),
}

/// The operation that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// Its description.
    pub operation: &'static OperationSchema,
    /// The labels of its URI, still percent-encoded; empty unless the place was a [`Place::Path`].
    pub labels: Vec<(&'static str, &'a str)>,
}

/// Why a request asks for no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unrouted {
    /// Nothing is at this place.
    #[error("no operation has this path")]
    NoSuchPath,
    /// The place exists, and this cannot be done there.
    #[error("the specified method is not allowed against this resource")]
    MethodNotAllowed,
    /// Two sub-resources are named.
    #[error("conflicting query string parameters: {first}, {second}")]
    Conflict {
        /// The first.
        first: &'static str,
        /// The second.
        second: &'static str,
    },
    /// A parameter of an operation was given, and another that it needs was not.
    #[error("the query string parameter {parameter} is missing")]
    Missing {
        /// The one that was not.
        parameter: &'static str,
    },
}

#[derive(Debug)]
struct Route {
    operation: &'static OperationSchema,
    segments: Vec<Segment>,
    /// Fixed query: name, and value unless any will do.
    literals: Vec<(&'static str, Option<&'static str>)>,
    required_query: Vec<&'static str>,
    required_headers: Vec<&'static str>,
    bound_query: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    Greedy(&'static str),
}

impl Router {
    /// The routes of all operations of `service`.
    pub fn new(service: &'static ServiceSchema) -> Self {
        Self::without(service, &[])
    }

    /// The routes of all operations of `service` but these, whose routes others answer.
    pub fn without(service: &'static ServiceSchema, shadowed: &[&str]) -> Self {
        let operations = service.operations.iter().filter(|operation| !shadowed.contains(&operation.name));
        Self { routes: operations.map(|operation| Route::new(operation)).collect() }
    }

    /// The operation that `request` asks for.
    ///
    /// # Errors
    /// [`Unrouted`]: the request is for none.
    pub fn resolve<'p>(&self, request: &Request<'_, 'p>) -> Result<Found<'p>, Unrouted> {
        let candidates = self.candidates(request)?;
        let missing = |route: &&Route| route.missing(request).count();
        if let Some(best) = candidates.iter().copied().min_by_key(missing) {
            let labels = best.labels(request.place).unwrap_or_default();
            return Ok(Found { operation: best.operation, labels });
        }
        Err(Unrouted::MethodNotAllowed)
    }

    /// All operations that `request` could ask for; one at most, if the model is sound.
    #[doc(hidden)]
    pub fn resolve_all(&self, request: &Request<'_, '_>) -> Vec<&'static OperationSchema> {
        self.candidates(request).unwrap_or_default().into_iter().map(|route| route.operation).collect()
    }

    fn candidates(&self, request: &Request<'_, '_>) -> Result<Vec<&Route>, Unrouted> {
        let here: Vec<(&Route, usize)> =
            self.routes.iter().filter_map(|route| Some((route, route.fits(request.place)?))).collect();
        let best = here.iter().map(|(_, weight)| *weight).max().ok_or(Unrouted::NoSuchPath)?;
        let mut here = here;
        here.retain(|(_, weight)| *weight == best);

        let named = sub_resource(&here, request.query)?;
        let mut routes: Vec<&Route> = here.into_iter().map(|(route, _)| route).collect();
        routes.retain(|route| route.operation.method == request.method);
        check_distinguishing(&routes, named, request)?;
        routes.retain(|route| route.literals_are_in(request.query));
        routes.retain(|route| named.is_none_or(|name| route.has_literal(name)));
        keep_greatest(&mut routes, |route| route.literals.len());
        // Where neither path nor sub-resource names an operation, the parameters that it needs tell that it is asked for.
        routes.retain(|route| route.is_named() || route.has_required_query(request.query));
        if routes.len() > 1 {
            routes.retain(|route| route.missing(request).next().is_none());
            keep_greatest(&mut routes, |route| route.required_query.len() + route.required_headers.len());
        }
        Ok(routes)
    }
}

/// The sub-resource that the query names. Names that always come together (`select`, `select-type`) are one.
fn sub_resource(here: &[(&Route, usize)], query: &[(&str, &str)]) -> Result<Option<&'static str>, Unrouted> {
    let known: Vec<&'static str> = here.iter().filter_map(|(route, _)| route.sub_resource()).collect();
    let mut named = query.iter().filter_map(|(name, _)| known.iter().copied().find(|known| known == name));
    let first = named.next();
    match (first, named.find(|name| Some(*name) != first)) {
        (Some(first), Some(second)) => Err(Unrouted::Conflict { first, second }),
        (first, _) => Ok(first),
    }
}

/// A parameter that alone makes an operation another one (`uploadId`) must not be ignored when the rest of that
/// operation's parameters is missing: a part must not become an object.
fn check_distinguishing(
    routes: &[&Route],
    named: Option<&'static str>,
    request: &Request<'_, '_>,
) -> Result<(), Unrouted> {
    if named.is_some() {
        return Ok(());
    }
    let plain = || routes.iter().filter(|route| route.sub_resource().is_none());
    for (name, _) in request.query {
        let mut owners = plain().filter(|route| route.required_query.contains(name)).peekable();
        let heard =
            |route: &&&Route| route.bound_query.contains(name) && route.missing(request).next().is_none();
        if owners.peek().is_some() && !plain().any(|route| heard(&route)) {
            let lacking =
                owners.find_map(|route| route.required_query.iter().find(|name| !has(request.query, name)));
            return lacking.map_or(Ok(()), |parameter| Err(Unrouted::Missing { parameter }));
        }
    }
    Ok(())
}

fn has(query: &[(&str, &str)], name: &str) -> bool {
    query.iter().any(|(given, _)| *given == name)
}

fn keep_greatest(routes: &mut Vec<&Route>, measure: impl Fn(&Route) -> usize) {
    let greatest = routes.iter().map(|route| measure(route)).max().unwrap_or(0);
    routes.retain(|route| measure(route) == greatest);
}

impl Route {
    fn new(operation: &'static OperationSchema) -> Self {
        let (path, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
        let segments = path.split('/').skip(1).filter(|part| !part.is_empty()).map(segment).collect();
        let literals = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value))))
            .collect();
        let members = operation.input.members.iter();
        let bound = |location: Location, required: bool| {
            let bound = members.clone().filter(move |member| member.location == location);
            bound
                .filter(move |member| !required || member.flags.required)
                .map(|member| member.wire_name)
                .collect()
        };
        Self {
            operation,
            segments,
            literals,
            required_query: bound(Location::Query, true),
            required_headers: bound(Location::Header, true),
            bound_query: bound(Location::Query, false),
        }
    }

    /// The literal without a value, if there is one: the name of a sub-resource.
    fn sub_resource(&self) -> Option<&'static str> {
        self.literals.iter().find(|(_, value)| value.is_none()).map(|(name, _)| *name)
    }

    /// Whether something fixed of its path or query tells it from others.
    fn is_named(&self) -> bool {
        !self.literals.is_empty() || self.segments.iter().any(|part| matches!(part, Segment::Literal(_)))
    }

    fn has_required_query(&self, query: &[(&str, &str)]) -> bool {
        self.required_query.iter().all(|name| has(query, name))
    }

    fn has_literal(&self, name: &str) -> bool {
        self.literals.iter().any(|(literal, _)| *literal == name)
    }

    fn literals_are_in(&self, query: &[(&str, &str)]) -> bool {
        self.literals.iter().all(|(name, value)| {
            query.iter().any(|(given, text)| given == name && value.is_none_or(|value| value == *text))
        })
    }

    /// Required parameters and headers that the request lacks.
    fn missing(&self, request: &Request<'_, '_>) -> impl Iterator<Item = &'static str> {
        let query = self.required_query.iter().filter(|name| !has(request.query, name));
        query.chain(self.required_headers.iter().filter(|name| !(request.has_header)(name))).copied()
    }

    /// How well the path fits: the number of its literal segments, if it fits at all.
    fn fits(&self, place: Place<'_>) -> Option<usize> {
        let labels = match place {
            Place::Service => 0,
            Place::Bucket => 1,
            Place::Object => 2,
            Place::Path(_) => {
                self.labels(place)?;
                let literals = self.segments.iter().filter(|segment| matches!(segment, Segment::Literal(_)));
                return Some(literals.count());
            }
        };
        let literal = self.segments.iter().any(|segment| matches!(segment, Segment::Literal(_)));
        (!literal && self.segments.len() == labels).then_some(0)
    }

    /// The labels of a raw path, if it fits.
    fn labels<'a>(&self, place: Place<'a>) -> Option<Vec<(&'static str, &'a str)>> {
        let Place::Path(path) = place else { return None };
        let mut labels = Vec::new();
        let mut rest = path.strip_prefix('/')?;
        let mut more = !rest.is_empty();
        for (index, segment) in self.segments.iter().enumerate() {
            if !more {
                return None;
            }
            let after = self.segments.len() - index - 1;
            let part = match segment {
                Segment::Greedy(_) => {
                    let end = rest.len() - tail(rest, after)?;
                    rest.get(..end)?
                }
                Segment::Literal(_) | Segment::Label(_) => rest.split('/').next()?,
            };
            match segment {
                Segment::Literal(literal) if *literal == part => {}
                Segment::Label(name) | Segment::Greedy(name) if !part.is_empty() => {
                    labels.push((*name, part));
                }
                Segment::Literal(_) | Segment::Label(_) | Segment::Greedy(_) => return None,
            }
            let left = rest.get(part.len()..)?;
            more = left.starts_with('/');
            rest = left.strip_prefix('/').unwrap_or(left);
        }
        (!more && rest.is_empty()).then_some(labels)
    }
}

/// Bytes of the last `count` segments of `path`, with the slash before each.
fn tail(path: &str, count: usize) -> Option<usize> {
    path.rsplit('/')
        .take(count)
        .map(|part| part.len() + 1)
        .reduce(|sum, length| sum + length)
        .or(Some(0))
        .filter(|length| *length <= path.len())
}

fn segment(part: &'static str) -> Segment {
    match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => name.strip_suffix('+').map_or(Segment::Label(name), Segment::Greedy),
        None => Segment::Literal(part),
    }
}
