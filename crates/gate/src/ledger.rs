//! The first part of a request's record, on its way into the journal.

use std::sync::{Arc, Mutex, PoisonError};

use strongroom_record::{Continued, Decided, Effect, Record, encode};

/// Bytes of a key or version id in a record. S3 knows none that are longer.
const MAX_NAME_BYTES: usize = 1024;

/// Holds a request's `Decided` until it is durable: with a change, in that change's commit; otherwise by the pipeline.
#[derive(Clone)]
pub struct Ledger(Arc<Mutex<State>>);

struct State {
    decided: Decided,
    durable: bool,
}

impl State {
    /// The first part as it is now. Taken and put back, since a copy of all its texts would take longer than the rest.
    fn first_part(&mut self) -> Vec<u8> {
        let record = Record::Decided(Box::new(std::mem::take(&mut self.decided)));
        let bytes = encode(&record);
        if let Record::Decided(decided) = record {
            self.decided = *decided;
        }
        bytes
    }
}

impl Ledger {
    /// A ledger that starts with what the pipeline knows of the request.
    pub fn new(decided: Decided) -> Self {
        Self(Arc::new(Mutex::new(State { decided, durable: false })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fills in members of the record that become known on the way. Has no effect on what is durable already.
    pub fn fill(&self, f: impl FnOnce(&mut Decided)) {
        self.with(|state| f(&mut state.decided));
    }

    /// Notes what was touched without a commit (reads), or what failed. Names as long as no key can be are cut, so that
    /// what a caller makes up does not fill the journal.
    pub fn note(&self, mut effect: Effect) {
        for text in [&mut effect.key, &mut effect.version_id].into_iter().flatten() {
            let end = text.floor_char_boundary(MAX_NAME_BYTES);
            text.truncate(end);
        }
        self.with(|state| state.decided.effects.push(effect));
    }

    /// The record of a commit with these effects: the whole first part, or its continuation.
    pub(crate) fn entry(&self, effects: Vec<Effect>) -> Vec<u8> {
        self.with(|state| {
            if state.durable {
                let request_id = state.decided.request_id.clone();
                return encode(&Record::Continued(Continued { request_id, effects }));
            }
            let noted = state.decided.effects.len();
            state.decided.effects.extend(effects);
            let bytes = state.first_part();
            // They are of this commit: another try comes with its own.
            state.decided.effects.truncate(noted);
            bytes
        })
    }

    /// Says that an entry is durable.
    pub(crate) fn mark_durable(&self) {
        self.with(|state| {
            state.durable = true;
            state.decided.effects.clear();
        });
    }

    /// What the pipeline has yet to append: the first part if no commit carried it, or effects noted since.
    pub fn outstanding(&self) -> Option<Vec<u8>> {
        self.with(|state| {
            if !state.durable {
                state.durable = true;
                return Some(state.first_part());
            }
            let effects = std::mem::take(&mut state.decided.effects);
            let request_id = state.decided.request_id.clone();
            (!effects.is_empty()).then(|| encode(&Record::Continued(Continued { request_id, effects })))
        })
    }
}
