//! Bodies that are read before their callers are known: whoever signs a request to another service than S3 signs the
//! hash of its body, which therefore comes first.
//!
//! Nobody waits for anybody else here. The first bytes of a body take no room: as many as there are connections are in
//! memory at most, and nearly every such request has no more. Room for the rest is taken as it arrives, not as it is
//! announced, out of the share of the account whose key the request names or, without one, of its source.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use strongroom_gate::ErrorReply;

use super::{Owner, Room, Share, timed_out, too_long, wire_reply};
use crate::http::IncomingBody;
use crate::limits::{
    MAX_RPC_BODY_BYTES, SMALL_UNKNOWN_BODY_BYTES, UNKNOWN_BODIES_KIB, UNKNOWN_BODIES_KIB_PER_ACCOUNT,
    UNKNOWN_BODY_TIMEOUT,
};

/// Bytes that room is taken for at once.
const STEP_BYTES: usize = 64 * 1024;

/// Room for bodies that must be read before their callers are known.
pub(crate) struct UnknownBodies(Arc<Room>);

/// A body of a caller who is not known yet, and the room that it takes.
#[derive(Debug)]
pub(crate) struct UnknownBody {
    pub(crate) bytes: Bytes,
    pub(crate) room: Vec<Share>,
}

impl UnknownBodies {
    pub(crate) fn new() -> Self {
        let bytes = |kib: usize| kib as u64 * 1024;
        Self(Room::new(bytes(UNKNOWN_BODIES_KIB), bytes(UNKNOWN_BODIES_KIB_PER_ACCOUNT)))
    }

    /// The whole body, if it is there in time and there is room for it. Only a body that is not small asks whose room it
    /// takes.
    ///
    /// # Errors
    /// `RequestTimeout`, `SlowDown`, `MaxMessageLengthExceeded`, and those of a body that breaks off.
    pub(crate) async fn collect(
        &self,
        body: &mut IncomingBody,
        owner: impl Future<Output = Owner>,
    ) -> Result<UnknownBody, ErrorReply> {
        in_time(self.read(body, owner)).await?
    }

    async fn read(
        &self,
        body: &mut IncomingBody,
        owner: impl Future<Output = Owner>,
    ) -> Result<UnknownBody, ErrorReply> {
        if body.content_length().is_some_and(|length| length > MAX_RPC_BODY_BYTES as u64) {
            return Err(too_long());
        }
        let (mut bytes, mut room) = (BytesMut::new(), Vec::new());
        let (mut asked, mut owner) = (Some(owner), None);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| wire_reply(&error))?;
            if piece.len() > MAX_RPC_BODY_BYTES - bytes.len() {
                return Err(too_long());
            }
            let large = (bytes.len() + piece.len()).saturating_sub(SMALL_UNKNOWN_BODY_BYTES);
            if let Some(asked) = asked.take_if(|_| large > 0) {
                owner = Some(asked.await);
            }
            if let Some(owner) = owner {
                while room.len() * STEP_BYTES < large {
                    room.push(self.0.take(owner, STEP_BYTES as u64)?);
                }
            }
            // Copied, so that no piece keeps more of the connection's buffer than its own bytes.
            bytes.extend_from_slice(&piece);
        }
        Ok(UnknownBody { bytes: bytes.freeze(), room })
    }
}

/// What is read of a caller who is not known yet has to come within [`UNKNOWN_BODY_TIMEOUT`].
pub(crate) async fn in_time<T>(read: impl Future<Output = T>) -> Result<T, ErrorReply> {
    tokio::time::timeout(UNKNOWN_BODY_TIMEOUT, read).await.map_err(|_| timed_out())
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::net::{IpAddr, Ipv4Addr};

    use strongroom_types::AccountId;

    use super::*;

    fn source(last: u8) -> Owner {
        Owner::of(None, IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
    }

    fn body(bytes: usize) -> IncomingBody {
        IncomingBody::from_pieces((0..bytes / 1024).map(|_| Bytes::from(vec![b'a'; 1024])))
    }

    #[tokio::test]
    async fn small_bodies_take_no_room_and_ask_for_nobody() {
        let bodies = UnknownBodies::new();
        let nobody = std::future::pending();
        let read = bodies.collect(&mut body(SMALL_UNKNOWN_BODY_BYTES), nobody).await.unwrap();
        assert_eq!((read.bytes.len(), read.room.len()), (SMALL_UNKNOWN_BODY_BYTES, 0));
    }

    #[tokio::test]
    async fn a_source_has_its_share_and_leaves_the_others_theirs() {
        let bodies = UnknownBodies::new();
        let read = async |owner, bytes| bodies.collect(&mut body(bytes), ready(owner)).await;
        let mut held = Vec::new();
        let refused = loop {
            match read(source(1), MAX_RPC_BODY_BYTES).await {
                Ok(whole) => held.push(whole),
                Err(refused) => break refused,
            }
            assert!(held.len() < 64, "one source holds everything");
        };
        assert_eq!((refused.status, refused.code.as_ref(), held.len()), (503, "SlowDown", 2));
        assert!(read(source(1), SMALL_UNKNOWN_BODY_BYTES).await.is_ok(), "small ones have room of their own");
        assert!(read(source(2), MAX_RPC_BODY_BYTES).await.is_ok());
        let account = Owner::Account(AccountId::parse("111111111111").unwrap());
        assert!(read(account, MAX_RPC_BODY_BYTES).await.is_ok());
        drop(held);
        assert!(read(source(1), MAX_RPC_BODY_BYTES).await.is_ok(), "room is given back");
    }

    #[tokio::test]
    async fn strangers_together_leave_the_accounts_their_room() {
        let bodies = UnknownBodies::new();
        let mut held = Vec::new();
        for last in 0..255 {
            held.extend(bodies.collect(&mut body(MAX_RPC_BODY_BYTES), ready(source(last))).await);
        }
        let account = Owner::Account(AccountId::parse("111111111111").unwrap());
        assert!(bodies.collect(&mut body(MAX_RPC_BODY_BYTES), ready(account)).await.is_ok());
        let kib: usize = held.iter().map(|whole| whole.room.len() * STEP_BYTES / 1024).sum();
        assert!(kib <= UNKNOWN_BODIES_KIB_PER_ACCOUNT, "{kib}");
    }

    #[tokio::test]
    async fn what_is_announced_too_long_or_comes_too_long_is_refused() {
        let bodies = UnknownBodies::new();
        let mut long = body(MAX_RPC_BODY_BYTES + 1024);
        let refused = bodies.collect(&mut long, ready(source(1))).await.unwrap_err();
        assert_eq!(refused.code, "MaxMessageLengthExceeded");
        assert_eq!(long.bytes_read().get(), 0, "refused unread");
    }
}
