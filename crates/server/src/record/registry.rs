//! The beginning of every record: ids, times, and room in the journal for the rest.

use std::sync::Arc;

use strongroom_crypto::Entropy as _;
use strongroom_kms::Keys;
use strongroom_record::{Decided, uuid};
use strongroom_storage::{MetaStore, StoreClock, StoreHealth};
use strongroom_types::{HostId, Region, RequestId, Timestamp};

use super::{Place, Recorder, Unrecordable};

/// Opens records.
pub(crate) struct Registry {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) clock: Arc<dyn StoreClock>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) recorder: Recorder,
    pub(crate) home: Region,
}

/// A record that has begun.
pub(crate) struct Opened {
    pub(crate) decided: Decided,
    pub(crate) now: Timestamp,
    pub(crate) place: Place,
}

impl Registry {
    /// Begins a record.
    ///
    /// # Errors
    /// [`Unrecordable`]; then nothing may be done.
    pub(crate) async fn open(&self) -> Result<Opened, Unrecordable> {
        if matches!(self.store.health(), StoreHealth::Down(_)) {
            return Err(Unrecordable::Broken);
        }
        let place = self.recorder.place().await?;
        let now = self.clock.now();
        let (request_id, host_id, event_id) = self.ids();
        let decided = Decided {
            request_id,
            host_id,
            event_id,
            received_at_millis: now.as_millis(),
            decided_at_millis: now.as_millis(),
            region: self.home.to_string(),
            ..Decided::default()
        };
        Ok(Opened { decided, now, place })
    }

    /// Request id, extended request id and the event's UUID, a random one (version 4).
    fn ids(&self) -> (String, String, String) {
        let mut random = [0; 72];
        self.keys.entropy().fill(&mut random);
        let (mut id, mut host, mut event) = ([0; 8], [0; 48], [0; 16]);
        id.iter_mut().zip(random.iter()).for_each(|(to, from)| *to = *from);
        host.iter_mut().zip(random.iter().skip(8)).for_each(|(to, from)| *to = *from);
        event.iter_mut().zip(random.iter().skip(56)).for_each(|(to, from)| *to = *from);
        let id = RequestId::from_bytes(id).to_string();
        (id, HostId::from_bytes(&host).to_string(), uuid(u128::from_be_bytes(event), 4))
    }
}
