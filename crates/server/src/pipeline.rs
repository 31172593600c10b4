//! The way of a request, from its head to its record. Each step is a module of its own; this one only walks them.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use strongroom_api_sts::AssumeRoleWithWebIdentityInput;
use strongroom_codec::RequestHead;
use strongroom_gate::{Body, Caller, ErrorReply, Ledger, RequestFacts, WireFacts, is_read_only};
use strongroom_record::{CallerRecord, Coalesced, Completed, Decided, Outcome, Record, TlsRecord, encode};
use strongroom_s3::bucket::cors;
use strongroom_shape::{Protocol, ServiceSchema};
use strongroom_sigv4::{
    AuthError, AuthInput, BodyDigest, Mechanism, PayloadCheck, RequestHead as SignedHead,
};
use strongroom_storage::StoreClock;
use strongroom_types::{Region, Timestamp};

use crate::authn::{Authenticated, Authn, RootUses, auth_reply, signature_record};
use crate::decode::{self, Owner, Placed, Room, Share, SignedBody, UnknownBodies, UnknownBody, in_time};
use crate::encode::{self, Answer, Ids};
use crate::gate::endpoint::endpoint_of;
use crate::handler::{Content, Exchange, Services};
use crate::http::{
    BytesRead, Connection, Finished, Handler, Incoming, IncomingBody, MalformedHead, Outgoing, OutgoingBody,
};
use crate::limits::{MAX_RECORDED_HEADER_BYTES, MIN_DOWNLOAD_BYTES};
use crate::listener::{Admit, FloodBudget};
use crate::oidc::IssuerKeys;
use crate::post::{PostForm, Upload};
use crate::record::{Opened, Place, Registry, Unrecordable};
use crate::route::{Destination, RouteHead, Routed, Routes, hoisted, parse_query, protocol, redacted_target};

/// Everything that requests pass through.
pub(crate) struct Pipeline {
    pub(crate) routes: Routes,
    pub(crate) authn: Authn,
    pub(crate) root_uses: RootUses,
    /// Whose identity tokens are taken.
    pub(crate) issuers: IssuerKeys,
    pub(crate) services: Arc<Services>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) flood: Mutex<FloodBudget>,
    pub(crate) unknown_bodies: UnknownBodies,
    /// Room for bodies that are stored, by number.
    pub(crate) uploads: Arc<Room>,
    /// Room for long answers, by number.
    pub(crate) downloads: Arc<Room>,
    /// Room for bodies that are read whole, in bytes.
    pub(crate) documents: Arc<Room>,
}

/// A request on its way.
struct Journey {
    connection: Arc<Connection>,
    received_at: Instant,
    now: Timestamp,
    request_id: String,
    host_id: String,
    resource: String,
    ledger: Ledger,
    place: Place,
    /// Protocol and service in whose form errors are answered.
    form: (Protocol, &'static ServiceSchema),
    /// What policies may ask about of the connection, the head and the signature.
    wire: WireFacts,
    /// Whether the operation is of no region, whatever region its signature names.
    everywhere: bool,
    /// Whether the caller is known.
    known: bool,
    /// Whether the budget of unknown callers was charged for it already.
    charged: bool,
    /// What the answer's CORS headers depend on.
    cors: Option<CorsQuestion>,
    /// The room that its document takes.
    document: Option<Share>,
}

impl Journey {
    /// Whose room a body takes.
    fn owner(&self, caller: &Caller) -> Owner {
        Owner::of(caller.account(), self.connection.peer.ip())
    }
}

/// A request from a page of another origin, about a bucket.
struct CorsQuestion {
    /// What stands in the place of its name.
    bucket: String,
    origin: String,
    method: String,
}

impl Pipeline {
    async fn begin(
        &self,
        connection: &Arc<Connection>,
        received_at: Instant,
    ) -> Result<Journey, Unrecordable> {
        let Opened { decided, now, place } = self.registry.open().await?;
        let decided = Decided {
            source_ip: connection.peer.ip().to_string(),
            vpc_endpoint_id: connection.endpoint.as_deref().map(ToOwned::to_owned),
            tls: connection.tls.as_ref().map(|tls| TlsRecord {
                version: tls.version.to_owned(),
                cipher: tls.cipher.to_owned(),
                server_name: tls.sni.clone(),
                key_exchange: Some(tls.key_exchange.to_owned()),
            }),
            ..decided
        };
        Ok(Journey {
            connection: connection.clone(),
            received_at,
            now,
            request_id: decided.request_id.clone(),
            host_id: decided.host_id.clone(),
            resource: String::new(),
            ledger: Ledger::new(decided),
            place,
            form: (Protocol::RestXml, &strongroom_api_s3::SERVICE),
            wire: WireFacts {
                // "TLSv1.3" in rustls's words, "1.3" in policies.
                tls_version: connection.tls.as_ref().and_then(|tls| tls.version.strip_prefix("TLSv")),
                ..WireFacts::default()
            },
            everywhere: false,
            known: false,
            charged: false,
            cors: None,
            document: None,
        })
    }

    /// Routes, authenticates, decodes, decides and handles.
    async fn serve(&self, journey: &mut Journey, incoming: Incoming) -> Result<Answer, ErrorReply> {
        let Incoming { method, target, headers, body, .. } = incoming;
        let (raw_path, raw_query) = target.split_once('?').unwrap_or((&target, ""));
        raw_path.clone_into(&mut journey.resource);
        describe_head(&journey.ledger, &method, &target, &headers);
        journey.wire.user_agent = header_text(&headers, "user-agent");
        journey.wire.referer = header_text(&headers, "referer");
        let secure = journey.connection.tls.is_some();
        let head =
            SignedHead { method: method.as_str(), raw_path, raw_query, headers: &headers, is_tls: secure };
        let auth = AuthInput::from_head(&head);
        let signed_service = match &auth {
            Ok(AuthInput::Signed(signed)) => Some(signed.scope().service().to_owned()),
            Ok(AuthInput::Anonymous(_)) | Err(_) => None,
        };
        let is_s3 = signed_service.as_deref().is_none_or(|service| service == "s3");
        let auth = auth.map_err(|error| auth_reply(&error, is_s3))?;
        claim(&journey.ledger, &auth);
        let query = parse_query(raw_query)?;
        let presigned = matches!(&auth, AuthInput::Signed(signed) if matches!(signed.mechanism(), Mechanism::Presigned { .. }));
        let headers = if is_s3 && presigned { hoisted(headers, &query)? } else { headers };
        let route_head = RouteHead {
            method: &method,
            raw_path,
            query: &query,
            headers: &headers,
            signed_service: signed_service.as_deref(),
        };
        let destination = self.routes.resolve(&route_head)?;
        self.come_through(journey, &destination, &headers).await?;
        journey.cors = cors_question(&destination, &method, &headers);
        match destination {
            Destination::Operation(routed) => {
                self.rest(journey, routed, auth, Parts { method, query, headers, body }).await
            }
            Destination::Service(service) => {
                self.whole(journey, service, auth, Parts { method, query, headers, body }).await
            }
            Destination::Unserved(service) => {
                self.unserved(journey, &service, &auth, Parts { method, query, headers, body }).await
            }
            Destination::PostForm { .. } if !matches!(auth, AuthInput::Anonymous(_)) => {
                Err(auth_reply(&AuthError::SeveralMechanisms, true))
            }
            Destination::PostForm { bucket } => self.post_form(journey, bucket, headers, body).await,
            Destination::Preflight { bucket } => self.preflight(journey, &bucket, &headers).await,
        }
    }

    /// Finds the VPC endpoint that the connection came through, if it came through one.
    async fn come_through(
        &self,
        journey: &mut Journey,
        destination: &Destination,
        headers: &http::HeaderMap,
    ) -> Result<(), ErrorReply> {
        let Some(id) = journey.connection.endpoint.clone() else { return Ok(()) };
        let service = match destination {
            Destination::Operation(routed) => {
                journey.form = (routed.protocol, routed.service);
                describe_operation(&journey.ledger, routed);
                routed.service.name
            }
            Destination::Service(service) => {
                journey.form = (protocol(service), service);
                service.name
            }
            Destination::Unserved(service) => {
                journey.form = spoken(headers);
                service
            }
            Destination::PostForm { .. } | Destination::Preflight { .. } => "s3",
        };
        let endpoint = endpoint_of(&self.services.gate, &id, service).await?;
        journey.ledger.fill(|decided| decided.vpc_endpoint_account = Some(endpoint.owner.to_string()));
        journey.wire.endpoint = Some(endpoint);
        Ok(())
    }

    /// Says in the record whose endpoint a request came through that was refused before that counted.
    async fn name_endpoint(&self, journey: &Journey) {
        let (Some(id), None) = (&journey.connection.endpoint, &journey.wire.endpoint) else { return };
        if let Ok(Some(found)) = self.services.gate.endpoint(id).await {
            journey.ledger.fill(|decided| decided.vpc_endpoint_account = Some(found.owner.to_string()));
        }
    }

    async fn authenticate(
        &self,
        journey: &mut Journey,
        auth: &AuthInput,
        digest: BodyDigest,
    ) -> Result<Authenticated, ErrorReply> {
        let authenticated = self.authn.authenticate(auth, journey.now, digest, journey.everywhere).await?;
        recognise(journey, &authenticated);
        self.note_use(journey, &authenticated).await;
        Ok(authenticated)
    }

    /// Whose room a body takes until its caller is known.
    async fn claimed_owner(&self, journey: &Journey, auth: &AuthInput) -> Owner {
        let account = self.authn.claimed_account(auth, journey.now).await;
        Owner::of(account, journey.connection.peer.ip())
    }

    /// Warns of a root user's key, and notes now and then that a key is in use. A request does not fail for it.
    async fn note_use(&self, journey: &Journey, authenticated: &Authenticated) {
        let Authenticated { caller, region, .. } = authenticated;
        let region = region.as_ref().unwrap_or(&self.registry.home);
        let service = journey.form.1.signing_name;
        if let Caller::Root(root) = caller
            && let Some(more) = self.root_uses.note(root.account, journey.now)
        {
            tracing::warn!(
                account = %root.account,
                service,
                request = journey.request_id,
                uses_before_without_a_line = more,
                "the root user's key is in use; make an IAM user for this work"
            );
        }
        match self.services.identity.note_use(caller, service, region, journey.now).await {
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the last use of an access key could not be noted"),
        }
    }

    /// Notes now and then that a caller asks for an action that is about no object.
    async fn note_action(
        &self,
        journey: &Journey,
        routed: &Routed,
        (caller, region): (&Caller, Option<&Region>),
    ) {
        let service = routed.service.signing_name;
        let has_key = routed.labels.iter().any(|(label, _)| *label == "Key");
        if strongroom_trail::cloudtrail::is_data_event(service, routed.operation.name, has_key) {
            return;
        }
        let action = format!("{service}:{}", routed.operation.name);
        let region = region.unwrap_or(&self.registry.home);
        let identity = &self.services.identity;
        if let Err(error) = identity.note_action(caller, (service, &action), region, journey.now).await {
            tracing::warn!(%error, "the last use of an action could not be noted");
        }
    }

    /// An operation of S3 or S3 Control.
    async fn rest(
        &self,
        journey: &mut Journey,
        routed: Routed,
        auth: AuthInput,
        parts: Parts,
    ) -> Result<Answer, ErrorReply> {
        journey.form = (routed.protocol, routed.service);
        describe_operation(&journey.ledger, &routed);
        // SDKs sign those on multi-Region access points for us-west-2.
        journey.everywhere = routed.operation.uri.starts_with("/v20180820/mrap/");
        let authenticated = self.authenticate(journey, &auth, BodyDigest::Pending).await;
        if authenticated.is_err() {
            describe_place(&journey.ledger, &routed);
        }
        let authenticated = authenticated?;
        self.note_action(journey, &routed, (&authenticated.caller, authenticated.region.as_ref())).await;
        let Parts { method, query, headers, body } = parts;
        let Authenticated { caller, payload, region, .. } = authenticated;
        let owner = journey.owner(&caller);
        let opened = self.open_body(journey, &routed, &headers, (owner, body, payload)).await;
        let content = opened.unwrap_or_else(|reply| Content { spoiled: Some(reply), ..Content::default() });
        let headers = decode::tolerated(headers);
        let exchange =
            self.exchange(journey, routed, (caller, region), Head { method, query, headers }, content);
        if exchange.routed.operation.name == "CompleteMultipartUpload" {
            return self.services.dispatch_slowly(exchange).await;
        }
        let mut answer = self.services.dispatch(exchange).await?;
        self.place_download(owner, &mut answer.body)?;
        Ok(answer)
    }

    /// Gives a long answer a place among the downloads, until it is sent or given up: as long as its client takes nothing,
    /// it holds what was read for it.
    fn place_download(&self, owner: Owner, body: &mut OutgoingBody) -> Result<(), ErrorReply> {
        if let OutgoingBody::Stream { len: Some(len), chunks } = body
            && *len > MIN_DOWNLOAD_BYTES
        {
            let place = self.downloads.take(owner, 1)?;
            let unplaced = std::mem::replace(chunks, Box::pin(futures_util::stream::empty()));
            *chunks = Box::pin(unplaced.inspect(move |_| {
                let _held = &place;
            }));
        }
        Ok(())
    }

    /// Opens the body: whole, for what is decoded from it; as a stream, for what is stored of it.
    async fn open_body(
        &self,
        journey: &mut Journey,
        routed: &Routed,
        headers: &http::HeaderMap,
        (owner, wire, payload): (Owner, IncomingBody, PayloadCheck),
    ) -> Result<Content, ErrorReply> {
        let operation = routed.operation;
        let needs_body = strongroom_codec::needs_body(routed.protocol, operation);
        if !needs_body && !operation.streaming_input {
            return Ok(Content::default());
        }
        let source = SignedBody::new(wire, payload);
        let declared = source.declared_bytes();
        // The checksum headers of CompleteMultipartUpload are about the object, not about this document.
        let of_this_body = operation.name != "CompleteMultipartUpload";
        let expected = decode::expected_digests(headers, declared, of_this_body)?;
        if operation.streaming_input {
            let unframed = !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING);
            if declared.is_none() || unframed {
                let message = "You must provide the Content-Length HTTP header.";
                return Err(ErrorReply::new(411, "MissingContentLength", message));
            }
            let stream = Some(Body::new(Box::new(Placed::new(source, &self.uploads, owner)), expected));
            return Ok(Content { stream, ..Content::default() });
        }
        // The model demands a digest of ACLs too; S3 does not, and s3cmd sends none.
        let is_acl = operation.name.ends_with("Acl");
        if operation.checksum_required && routed.service.name == "s3" && !is_acl {
            decode::require_digest(&expected)?;
        }
        let limit = strongroom_codec::body_limit_bytes(routed.protocol, operation);
        if declared.is_some_and(|declared| declared > limit as u64) {
            return Err(decode::too_long());
        }
        let most = limit as u64;
        journey.document = Some(self.documents.take(owner, declared.unwrap_or(most).min(most))?);
        let whole = decode::collect(Body::new(Box::new(source), expected), limit);
        if matches!(owner, Owner::Account(_)) {
            return Ok(Content { whole: whole.await?, ..Content::default() });
        }
        let whole = async { in_time(whole).await? };
        // Each key of a DeleteObjects is decided on its own, so its keys come first. Whatever else a stranger sends is
        // read only if the head's target is one that he may reach.
        if operation.name == "DeleteObjects" {
            return Ok(Content { whole: whole.await?, ..Content::default() });
        }
        Ok(Content { deferred: Some(Box::pin(whole)), ..Content::default() })
    }

    /// An operation of another service than S3. The signature covers the body's hash, so the body comes first, bounded.
    async fn whole(
        &self,
        journey: &mut Journey,
        service: &'static ServiceSchema,
        auth: AuthInput,
        parts: Parts,
    ) -> Result<Answer, ErrorReply> {
        let Parts { method, query, headers, mut body } = parts;
        journey.form = (protocol(service), service);
        journey.ledger.fill(|decided| service.signing_name.clone_into(&mut decided.service));
        let claimed = self.claimed_owner(journey, &auth);
        let UnknownBody { bytes: whole_body, room } = self.unknown_bodies.collect(&mut body, claimed).await?;
        let raw_path = &journey.resource;
        let head =
            RouteHead { method: &method, raw_path, query: &query, headers: &headers, signed_service: None };
        let routed = self.routes.operation(service, &head, &whole_body);
        // The record names what was asked for, whoever asked; that there is none such is told to those who are known.
        if let Ok(routed) = &routed {
            describe_operation(&journey.ledger, routed);
        }
        let Authenticated { caller, region, .. } =
            self.authenticate(journey, &auth, body_digest(&whole_body)).await?;
        let routed = routed?;
        let head = Head { method, query, headers };
        let caller = match self.bearer(journey, &routed, &head, &whole_body).await? {
            Some(bearer) => bearer,
            None if caller == Caller::Anonymous => return Err(unsigned(&routed)),
            None => caller,
        };
        let owner = journey.owner(&caller);
        journey.document = Some(self.documents.take(owner, whole_body.len() as u64)?);
        drop(room);
        self.note_action(journey, &routed, (&caller, region.as_ref())).await;
        let content = Content { whole: whole_body, ..Content::default() };
        let exchange = self.exchange(journey, routed, (caller, region), head, content);
        let mut answer = self.services.dispatch(exchange).await?;
        if let OutgoingBody::Full(bytes) = &mut answer.body
            && bytes.len() as u64 > MIN_DOWNLOAD_BYTES
        {
            let place = self.downloads.take(owner, 1)?;
            *bytes = place.kept_with(std::mem::take(bytes));
        }
        Ok(answer)
    }

    /// Who asks with an identity provider's token: whoever signed such a request, the token counts alone.
    async fn bearer(
        &self,
        journey: &mut Journey,
        routed: &Routed,
        head: &Head,
        body: &[u8],
    ) -> Result<Option<Caller>, ErrorReply> {
        if routed.service.name != "sts" || routed.operation.name != "AssumeRoleWithWebIdentity" {
            return Ok(None);
        }
        let Head { method, query, headers } = head;
        let head = RequestHead { method, labels: &routed.labels, query, headers };
        let mut input = AssumeRoleWithWebIdentityInput::default();
        decode::decode(routed, &head, body, &mut input)?;
        let caller = self.services.identity.web_identity(&self.issuers, &input, journey.now).await?;
        journey.known = true;
        journey.ledger.fill(|decided| decided.caller = caller.record());
        Ok(Some(caller))
    }

    /// A request of a service that is not built: authenticated like any other, and answered in the form that the client
    /// speaks.
    async fn unserved(
        &self,
        journey: &mut Journey,
        service: &str,
        auth: &AuthInput,
        parts: Parts,
    ) -> Result<Answer, ErrorReply> {
        let Parts { headers, mut body, .. } = parts;
        journey.form = spoken(&headers);
        journey.ledger.fill(|decided| service.clone_into(&mut decided.service));
        let claimed = self.claimed_owner(journey, auth);
        let whole_body = self.unknown_bodies.collect(&mut body, claimed).await?;
        self.authenticate(journey, auth, body_digest(&whole_body.bytes)).await?;
        Err(encode::not_implemented(service))
    }

    /// A request that is ready for its handler, by a caller who signed for a region.
    fn exchange(
        &self,
        journey: &Journey,
        routed: Routed,
        (caller, region): (Caller, Option<Region>),
        head: Head,
        content: Content,
    ) -> Exchange {
        let arrived =
            || journey.wire.endpoint.as_ref().map_or(&self.registry.home, |endpoint| &endpoint.region);
        let region = match (routed.service.name, region) {
            // Services of no region are in the home region, whatever a client signs for; policies ask for it.
            // Source: IAM User Guide, "AWS: Denies access to AWS based on the requested Region".
            ("iam" | "organizations" | "account" | "strongroom", _) => self.registry.home.clone(),
            // Elsewhere lists of what is somewhere are empty.
            ("s3" | "s3control" | "ec2", Some(region)) => region,
            (_, Some(region)) => self.authn.region_or_home(&region),
            (_, None) => arrived().clone(),
        };
        let facts = RequestFacts {
            service: routed.service.name,
            region,
            now: journey.now,
            source_ip: journey.connection.peer.ip(),
            secure_transport: journey.connection.tls.is_some(),
            wire: journey.wire.clone(),
        };
        let Head { method, query, headers } = head;
        let (ledger, request_id) = (journey.ledger.clone(), journey.request_id.clone());
        Exchange { routed, method, query, headers, caller, facts, content, ledger, request_id }
    }

    /// A browser upload: the form's fields are the request's head, its file the body.
    async fn post_form(
        &self,
        journey: &mut Journey,
        bucket: String,
        headers: http::HeaderMap,
        body: IncomingBody,
    ) -> Result<Answer, ErrorReply> {
        journey.ledger.fill(|decided| {
            "s3".clone_into(&mut decided.service);
            "PostObject".clone_into(&mut decided.operation);
        });
        let form = in_time(PostForm::read(&headers, body)).await??;
        let (authenticated, policy) = self.authn.authenticate_form(&form, journey.now).await?;
        recognise(journey, &authenticated);
        let Authenticated { caller, region, .. } = authenticated;
        let room = (&self.uploads, journey.owner(&caller));
        let Upload { routed, headers: fields, body, after } = form.into_upload(&bucket, policy, room)?;
        let head = Head { method: http::Method::PUT, query: Vec::new(), headers: fields };
        let content = Content { stream: Some(body), ..Content::default() };
        let mut exchange = self.exchange(journey, routed, (caller, region), head, content);
        exchange.facts.wire.is_form = true;
        let answer = self.services.dispatch(exchange).await?;
        Ok(after.answer(answer, &headers, journey.connection.tls.is_some()))
    }

    /// What a browser asks before it sends a request to a bucket. Source: S3 API Reference, "OPTIONS object".
    async fn preflight(
        &self,
        journey: &Journey,
        bucket: &str,
        headers: &http::HeaderMap,
    ) -> Result<Answer, ErrorReply> {
        journey.ledger.fill(|decided| {
            "s3".clone_into(&mut decided.service);
            "PreflightRequest".clone_into(&mut decided.operation);
            decided.bucket = Some(bucket.to_owned());
            decided.read_only = true;
        });
        let bad = |message: &str| ErrorReply::new(400, "BadRequest", message);
        let origin = header_text(headers, "origin")
            .ok_or_else(|| bad("Insufficient information. Origin request header needed."))?;
        let method = header_text(headers, "access-control-request-method")
            .ok_or_else(|| bad("Invalid Access-Control-Request-Method: null"))?;
        let asked = header_text(headers, "access-control-request-headers");
        let rules = self.services.s3.cors_rules_at(bucket, vpc_of(journey)).await?;
        let rules = rules.ok_or_else(|| {
            ErrorReply::new(403, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
        })?;
        let found = cors::evaluate(&rules, &origin, &method, asked.as_deref()).ok_or_else(cors_denied)?;
        let mut answer = Answer {
            status: 200,
            headers: http::HeaderMap::new(),
            body: OutgoingBody::Empty,
            error: None,
            object_size: None,
        };
        encode::push_headers(&mut answer.headers, &found.into_headers());
        Ok(answer)
    }

    /// Adds what a page of another origin may see of an answer.
    async fn share(&self, question: &CorsQuestion, vpc: Option<&str>, answer: &mut Answer) {
        // A bucket whose rules cannot be read shares nothing.
        let Ok(Some(rules)) = self.services.s3.cors_rules_at(&question.bucket, vpc).await else { return };
        if let Some(found) = cors::evaluate(&rules, &question.origin, &question.method, None) {
            encode::push_headers(&mut answer.headers, &found.into_headers());
        }
    }

    /// Charges a request that nobody answers for. `false`: it is refused, and counted instead of recorded.
    fn admit_unknown(&self, source: IpAddr) -> bool {
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(flood.admit(source, Instant::now()), Admit::Yes)
    }

    /// Makes the answer whole, and sees to its record.
    async fn finish(&self, journey: Journey, result: Result<Answer, ErrorReply>, bytes_in: u64) -> Outgoing {
        let ids =
            Ids { request_id: &journey.request_id, host_id: &journey.host_id, resource: &journey.resource };
        if journey.known {
            self.flood.lock().unwrap_or_else(PoisonError::into_inner).earn(1);
        } else if !journey.charged && !self.admit_unknown(journey.connection.peer.ip()) {
            return too_many();
        }
        if result.is_err() {
            self.name_endpoint(&journey).await;
        }
        let mut answer = result.unwrap_or_else(|reply| self.failure(reply, journey.form, ids));
        identify(&mut answer, &journey);
        if let Some(question) = &journey.cors {
            self.share(question, vpc_of(&journey), &mut answer).await;
        }
        if let Some(record) = journey.ledger.outstanding() {
            journey.place.give(record);
        }
        let completion = Completion {
            received_at: journey.received_at,
            handled_at: Instant::now(),
            place: journey.place,
            clock: self.registry.clock.clone(),
            completed: Completed {
                request_id: journey.request_id,
                status: answer.status,
                error_code: answer.error.as_ref().map(|(code, _)| code.clone()),
                error_message: answer.error.map(|(_, message)| cut(&message)),
                bytes_in,
                object_size: answer.object_size,
                version_id: header_text(&answer.headers, "x-amz-version-id"),
                ..Completed::default()
            },
        };
        Outgoing {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
            finished: Box::new(move |finished| completion.give(finished)),
        }
    }

    /// Encodes an error; a denial with what those who look after the caller's account may decode of it.
    fn failure(
        &self,
        mut reply: ErrorReply,
        (protocol, service): (Protocol, &'static ServiceSchema),
        ids: Ids<'_>,
    ) -> Answer {
        let denied = reply.denied.take();
        let message =
            denied.and_then(|denied| self.services.identity.authorization_message(&denied, ids.request_id));
        match message {
            Some(message) => encode::denial(protocol, service, reply, message, ids),
            None => encode::failure(protocol, service, &reply, ids),
        }
    }

    /// Records the refusals of seconds that are over. Called about once a second.
    pub(crate) fn settle_refusals(&self) {
        let settled = self.flood.lock().unwrap_or_else(PoisonError::into_inner).settle(Instant::now());
        for refusals in settled {
            let ago = refusals.second_began.elapsed();
            let second = self.registry.clock.now().minus(ago).as_secs();
            let source_ip = refusals.source.map_or_else(|| "other".to_owned(), |source| source.to_string());
            let refused = refusals.count;
            self.registry.recorder.give(&Record::Coalesced(Coalesced { source_ip, second, refused }));
        }
    }
}

struct Parts {
    method: http::Method,
    query: Vec<(String, String)>,
    headers: http::HeaderMap,
    body: IncomingBody,
}

/// The head of a request, as its operation is decoded from it.
struct Head {
    method: http::Method,
    query: Vec<(String, String)>,
    headers: http::HeaderMap,
}

/// The second part of a record, waiting for the last byte.
struct Completion {
    received_at: Instant,
    handled_at: Instant,
    place: Place,
    clock: Arc<dyn StoreClock>,
    completed: Completed,
}

impl Completion {
    fn give(mut self, finished: Finished) {
        let micros = |from: Instant, to: Instant| {
            u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
        };
        let first = finished.first_byte_at.unwrap_or(self.handled_at);
        let last = finished.last_byte_at.unwrap_or(first);
        self.completed.completed_at_millis = self.clock.now().as_millis();
        self.completed.bytes_out = finished.bytes_sent;
        self.completed.total_micros = micros(self.received_at, last);
        self.completed.turn_around_micros = micros(self.received_at, first);
        self.completed.outcome = if finished.complete { Outcome::Sent } else { Outcome::Aborted };
        self.place.give_last(encode(&Record::Completed(Box::new(self.completed))));
    }
}

/// The VPC that the connection came from, where that counted.
fn vpc_of(journey: &Journey) -> Option<&str> {
    journey.wire.endpoint.as_ref().map(|endpoint| endpoint.vpc.as_str())
}

/// Notes who asks, now that it is known.
fn recognise(journey: &mut Journey, authenticated: &Authenticated) {
    journey.known = authenticated.caller != Caller::Anonymous;
    journey.wire.signature = authenticated.signature.as_ref().map(|signature| signature.facts.clone());
    journey.ledger.fill(|decided| {
        decided.caller = authenticated.caller.record();
        decided.signature = authenticated.signature.as_ref().map(|signature| signature.record.clone());
        if let Some(region) = &authenticated.region {
            decided.region = region.to_string();
        }
    });
}

fn body_digest(body: &[u8]) -> BodyDigest {
    BodyDigest::Sha256(*strongroom_crypto::Sha256Digest::of(body).as_bytes())
}

/// The error for a request to another service than S3 that nobody signed. Who shows an identity provider's assertion needs
/// no signature; those of SAML are not taken.
fn unsigned(routed: &Routed) -> ErrorReply {
    if routed.operation.unsigned {
        return encode::not_implemented(routed.operation.name);
    }
    ErrorReply::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
}

/// The protocol that a client of a service speaks, as far as its request tells, and a service whose errors have that form.
fn spoken(headers: &http::HeaderMap) -> (Protocol, &'static ServiceSchema) {
    let form = headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if headers.contains_key("smithy-protocol") {
        (Protocol::RpcV2Cbor, &strongroom_api_strongroom::SERVICE)
    } else if headers.contains_key("x-amz-target") {
        (Protocol::AwsJson11, &strongroom_api_strongroom::SERVICE)
    } else if form {
        (Protocol::AwsQuery, &strongroom_api_sts::SERVICE)
    } else {
        (Protocol::RestJson1, &strongroom_api_strongroom::SERVICE)
    }
}

fn describe_head(ledger: &Ledger, method: &http::Method, target: &str, headers: &http::HeaderMap) {
    ledger.fill(|decided| {
        decided.method = method.to_string();
        decided.target = redacted_target(target);
        decided.host = header_text(headers, "host");
        decided.user_agent = header_text(headers, "user-agent");
        decided.referer = header_text(headers, "referer");
    });
}

fn describe_operation(ledger: &Ledger, routed: &Routed) {
    ledger.fill(|decided| {
        routed.service.signing_name.clone_into(&mut decided.service);
        routed.operation.name.clone_into(&mut decided.operation);
        decided.read_only = is_read_only(routed.operation.name);
    });
}

/// Names the bucket and the key, where the gate will not: it sees only those who are known.
fn describe_place(ledger: &Ledger, routed: &Routed) {
    let label = |wanted: &str| {
        routed.labels.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone().into_owned())
    };
    ledger.fill(|decided| (decided.bucket, decided.key) = (label("Bucket"), label("Key")));
}

/// Notes who claims to have signed, before that is known to be true.
fn claim(ledger: &Ledger, auth: &AuthInput) {
    if let AuthInput::Signed(signed) = auth {
        let access_key_id = Some(signed.credential().access_key_id.to_string());
        let signature = match signed.mechanism() {
            mechanism @ (Mechanism::Header | Mechanism::Presigned { .. }) => signature_record(mechanism),
        };
        ledger.fill(|decided| {
            decided.caller = CallerRecord { access_key_id, ..CallerRecord::default() };
            decided.signature = Some(signature);
        });
    }
}

fn too_many() -> Outgoing {
    Outgoing::error(503, "SlowDown", "Please reduce your request rate.")
}

fn cors_denied() -> ErrorReply {
    ErrorReply::new(
        403,
        "AccessForbidden",
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request \
         method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the \
         resource's CORS spec.",
    )
}

/// Whether a request claims to be signed: without a claim it lives on the budget of unknown callers from the start.
fn claims_credentials(incoming: &Incoming) -> bool {
    let query = incoming.target.split_once('?').map_or("", |(_, query)| query);
    incoming.headers.contains_key(http::header::AUTHORIZATION) || query.contains("X-Amz-Signature=")
}

/// Bytes of a request's body, in the measure of records: those of the plain body, without the frames of aws-chunked.
struct BytesIn {
    read: BytesRead,
    /// Bytes on the wire, and what they hold once they are all there.
    whole: Option<(u64, u64)>,
}

impl BytesIn {
    fn of(incoming: &Incoming) -> Self {
        let decoded = incoming.headers.get("x-amz-decoded-content-length");
        let decoded = decoded.and_then(|value| value.to_str().ok()?.parse().ok());
        Self { read: incoming.body.bytes_read(), whole: incoming.body.content_length().zip(decoded) }
    }

    fn get(&self) -> u64 {
        let read = self.read.get();
        self.whole.filter(|(wire, _)| *wire == read).map_or(read, |(_, plain)| plain)
    }
}

fn cors_question(
    destination: &Destination,
    method: &http::Method,
    headers: &http::HeaderMap,
) -> Option<CorsQuestion> {
    let origin = header_text(headers, "origin")?;
    let bucket = match destination {
        Destination::Operation(routed) => {
            routed.labels.iter().find(|(name, _)| *name == "Bucket").map(|(_, bucket)| bucket.to_string())
        }
        Destination::PostForm { bucket } => Some(bucket.clone()),
        Destination::Preflight { .. } | Destination::Service(_) | Destination::Unserved(_) => None,
    };
    Some(CorsQuestion { bucket: bucket?, origin, method: method.to_string() })
}

/// Adds the ids that every answer bears.
fn identify(answer: &mut Answer, journey: &Journey) {
    let mut insert = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            answer.headers.insert(name, value);
        }
    };
    match journey.form.0 {
        Protocol::RestXml => {
            insert("x-amz-request-id", &journey.request_id);
            insert("x-amz-id-2", &journey.host_id);
        }
        Protocol::RestJson1
        | Protocol::AwsJson10
        | Protocol::AwsJson11
        | Protocol::AwsQuery
        | Protocol::Ec2Query
        | Protocol::RpcV2Cbor => {
            insert("x-amzn-requestid", &journey.request_id);
            insert("x-amz-request-id", &journey.request_id);
            insert("x-amz-id-2", &journey.host_id);
        }
    }
}

fn header_text(headers: &http::HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(cut(&String::from_utf8_lossy(value.as_bytes())))
}

fn cut(text: &str) -> String {
    let end = (0..=MAX_RECORDED_HEADER_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

#[async_trait]
impl Handler for Pipeline {
    async fn handle(&self, incoming: Incoming) -> Outgoing {
        let mut journey = match self.begin(&incoming.connection, incoming.received_at).await {
            Ok(journey) => journey,
            Err(Unrecordable::Busy) => return too_many(),
            Err(Unrecordable::Broken) => {
                return Outgoing::error(
                    503,
                    "ServiceUnavailable",
                    "Records of requests cannot be kept now, so no request is served. See the server's log.",
                );
            }
        };
        if !claims_credentials(&incoming) {
            if !self.admit_unknown(incoming.connection.peer.ip()) {
                return too_many();
            }
            journey.charged = true;
        }
        let bytes_in = BytesIn::of(&incoming);
        // A mistake of ours that ends in a panic is answered and recorded like any other error.
        let served = AssertUnwindSafe(self.serve(&mut journey, incoming)).catch_unwind().await;
        let result = served.unwrap_or_else(|_| {
            tracing::error!(request_id = journey.request_id, "a handler panicked");
            Err(encode::internal_error())
        });
        self.finish(journey, result, bytes_in.get()).await
    }

    async fn malformed(&self, connection: Arc<Connection>, malformed: MalformedHead) -> Outgoing {
        let Ok(journey) = self.begin(&connection, malformed.received_at).await else {
            return Outgoing::malformed(malformed.fault);
        };
        let reply = ErrorReply::new(400, malformed.fault.code(), malformed.fault.to_string());
        self.finish(journey, Err(reply), 0).await
    }

    fn overloaded(&self, connection: &Connection) {
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        flood.count_refusal(connection.peer.ip(), Instant::now());
    }
}
