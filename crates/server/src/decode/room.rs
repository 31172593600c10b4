//! Room for bodies: how many uploads and downloads, and how many bytes of documents, are under way at once, in all and of one
//! account. What finds no room is told to slow down before its body is read.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_gate::{BodyError, BodySource, ErrorReply};
use strongroom_types::AccountId;

use crate::limits::UNKNOWN_SOURCES_SHARE;
use crate::listener::Source;

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// Of an account.
    Account(AccountId),
    /// Of somebody unknown. All of them together have the room of one account, each source a part of that.
    Unknown(Source),
}

impl Owner {
    pub(crate) fn of(account: Option<AccountId>, peer: IpAddr) -> Self {
        account.map_or_else(|| Self::Unknown(Source::of(peer)), Self::Account)
    }
}

#[derive(Debug, Default)]
struct Taken {
    total: u64,
    unknown: u64,
    owners: HashMap<Owner, u64>,
}

/// So much room in all, and so much of it for one account.
#[derive(Debug)]
pub(crate) struct Room {
    total: u64,
    per_account: u64,
    taken: Mutex<Taken>,
}

impl Room {
    pub(crate) fn new(total: u64, per_account: u64) -> Arc<Self> {
        Arc::new(Self { total, per_account, taken: Mutex::default() })
    }

    /// Takes room, which is given back when what is returned is dropped.
    ///
    /// # Errors
    /// `SlowDown` beyond a limit; nothing is taken then.
    pub(crate) fn take(self: &Arc<Self>, owner: Owner, amount: u64) -> Result<Share, ErrorReply> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let total = taken.total.saturating_add(amount);
        let of_owner = taken.owners.get(&owner).copied().unwrap_or(0).saturating_add(amount);
        let (unknown, fits) = match owner {
            Owner::Account(_) => (taken.unknown, of_owner <= self.per_account),
            Owner::Unknown(_) => {
                let unknown = taken.unknown.saturating_add(amount);
                let per_source = (self.per_account / UNKNOWN_SOURCES_SHARE).max(1);
                (unknown, unknown <= self.per_account && of_owner <= per_source)
            }
        };
        if total > self.total || !fits {
            return Err(slow_down());
        }
        (taken.total, taken.unknown) = (total, unknown);
        taken.owners.insert(owner, of_owner);
        Ok(Share { room: Arc::clone(self), owner, amount })
    }
}

/// Room that is taken.
#[derive(Debug)]
pub(crate) struct Share {
    room: Arc<Room>,
    owner: Owner,
    amount: u64,
}

impl Share {
    /// Bytes that keep it for as long as any part of them is in memory, wherever they are handed.
    pub(crate) fn kept_with(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Kept { bytes, _share: self })
    }
}

struct Kept {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(self.amount);
        if matches!(self.owner, Owner::Unknown(_)) {
            taken.unknown = taken.unknown.saturating_sub(self.amount);
        }
        let left = taken.owners.get(&self.owner).copied().unwrap_or(0).saturating_sub(self.amount);
        if left == 0 {
            taken.owners.remove(&self.owner);
        } else {
            taken.owners.insert(self.owner, left);
        }
    }
}

/// A body that takes a place among the uploads once its handler reads it, and keeps it until it is dropped: whoever is
/// refused for another reason has taken none.
pub(crate) struct Placed<S> {
    source: S,
    room: Arc<Room>,
    owner: Owner,
    place: Option<Share>,
}

impl<S> Placed<S> {
    pub(crate) fn new(source: S, room: &Arc<Room>, owner: Owner) -> Self {
        Self { source, room: Arc::clone(room), owner, place: None }
    }
}

#[async_trait]
impl<S: BodySource> BodySource for Placed<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.place.is_none() {
            self.place = Some(self.room.take(self.owner, 1).map_err(BodyError)?);
        }
        self.source.next().await
    }

    fn trailers(&self) -> &[(String, String)] {
        self.source.trailers()
    }
}

/// Source: S3 API Reference, "Error responses": SlowDown, 503.
fn slow_down() -> ErrorReply {
    ErrorReply::new(503, "SlowDown", "Please reduce your request rate.")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn account(text: &str) -> Owner {
        Owner::Account(AccountId::parse(text).unwrap())
    }

    fn source(last: u8) -> Owner {
        Owner::of(None, IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
    }

    #[test]
    fn one_account_cannot_take_all_the_room() {
        let room = Room::new(3, 2);
        let (greedy, other) = (account("111111111111"), account("222222222222"));
        let first = room.take(greedy, 1).unwrap();
        let _second = room.take(greedy, 1).unwrap();
        assert_eq!(room.take(greedy, 1).unwrap_err().code, "SlowDown");
        let _third = room.take(other, 1).unwrap();
        assert_eq!(room.take(account("333333333333"), 1).unwrap_err().status, 503, "the total is bounded");
        drop(first);
        assert!(room.take(greedy, 1).is_ok(), "a place is given back");
    }

    #[test]
    fn strangers_share_the_room_of_one_account_and_no_source_has_it_all() {
        let room = Room::new(100, 16);
        let shares: Vec<_> = (0..9).map(|_| room.take(source(1), 1)).collect();
        assert_eq!(shares.iter().filter(|share| share.is_ok()).count(), 2, "an eighth of 16");
        let others: Vec<_> = (2..40).map(|last| room.take(source(last), 1)).collect();
        assert_eq!(others.iter().filter(|share| share.is_ok()).count(), 14);
        assert!(room.take(account("111111111111"), 16).is_ok(), "an account has its room all the same");
        drop((shares, others));
        assert!(room.take(source(3), 2).is_ok());
    }

    #[test]
    fn an_amount_that_does_not_fit_takes_nothing() {
        let room = Room::new(10, 10);
        let owner = account("111111111111");
        let share = room.take(owner, 6).unwrap();
        assert!(room.take(owner, 5).is_err() && room.take(owner, u64::MAX).is_err());
        assert!(room.take(owner, 4).is_ok());
        drop(share);
        let taken = room.taken.lock().unwrap();
        assert!(taken.total == 0 && taken.unknown == 0 && taken.owners.is_empty(), "{taken:?}");
    }

    #[test]
    fn bytes_keep_a_place_until_the_last_of_them_is_gone() {
        let room = Room::new(1, 1);
        let owner = account("111111111111");
        let bytes = room.take(owner, 1).unwrap().kept_with(Bytes::from_static(b"answer"));
        let end = bytes.slice(5..);
        assert_eq!(bytes, "answer");
        drop(bytes);
        assert!(room.take(owner, 1).is_err(), "a part is still being sent");
        drop(end);
        assert!(room.take(owner, 1).is_ok());
    }

    struct Empty;

    #[async_trait]
    impl BodySource for Empty {
        async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
            Ok(None)
        }
        fn trailers(&self) -> &[(String, String)] {
            &[]
        }
    }

    #[tokio::test]
    async fn a_body_has_a_place_from_its_first_read_until_it_is_dropped() {
        let room = Room::new(1, 1);
        let owner = account("111111111111");
        let (mut one, mut two) = (Placed::new(Empty, &room, owner), Placed::new(Empty, &room, owner));
        assert!(one.next().await.is_ok());
        assert_eq!(two.next().await.unwrap_err().0.code, "SlowDown");
        drop(one);
        assert!(two.next().await.is_ok());
    }
}
