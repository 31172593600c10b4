//! The parts of a request's record, put together again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use strongroom_record::{Coalesced, Completed, Continued, Decided, Effect, Record};
use strongroom_storage::Position;
use strongroom_types::Timestamp;

use crate::limits::{MAX_LATE_REQUESTS, MAX_PENDING_BYTES, MAX_PENDING_REQUESTS, REQUEST_WAIT};

/// What a request came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// Its second part.
    Completed(Box<Completed>),
    /// There is none: the process died, or the wait for it was over.
    Interrupted,
    /// The second part of a request that was given out as interrupted: it took longer than the wait.
    Late(Box<Completed>),
}

/// A request, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// Where its first part stands.
    pub position: Position,
    /// The first part.
    pub decided: Box<Decided>,
    /// What followed it.
    pub continued: Vec<Continued>,
    /// How it ended.
    pub ending: Ending,
}

/// What the joiner gives out.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A request.
    Request(Joined),
    /// Refusals that were only counted.
    Coalesced(Position, Coalesced),
}

/// Pairs first parts with what follows them, in a window that is bounded in time, number and bytes.
///
/// A first part without a second one is given out as [`Ending::Interrupted`] when it was written by a process that
/// runs no more and all of that process's records have been read; when it is older than [`REQUEST_WAIT`]; and when the
/// window is full, oldest first.
pub struct Joiner {
    /// The end of the journal when this process began.
    started: Position,
    wait: Duration,
    pending: HashMap<String, Pending>,
    /// Pending requests in the order of their first parts.
    order: BTreeMap<(Position, u64), String>,
    sequence: u64,
    bytes: usize,
    late: HashMap<String, Pending>,
    late_order: VecDeque<String>,
}

struct Pending {
    position: Position,
    sequence: u64,
    bytes: usize,
    decided: Box<Decided>,
    continued: Vec<Continued>,
}

impl Pending {
    fn end(self, ending: Ending) -> Event {
        let Self { position, decided, continued, .. } = self;
        Event::Request(Joined { position, decided, continued, ending })
    }
}

impl Joiner {
    /// A joiner in a process that began when the journal's tail was `started`, before it served its first request.
    pub fn new(started: Position) -> Self {
        Self::with_wait(started, REQUEST_WAIT)
    }

    /// The same with another wait.
    pub fn with_wait(started: Position, wait: Duration) -> Self {
        Self {
            started,
            wait,
            pending: HashMap::new(),
            order: BTreeMap::new(),
            sequence: 0,
            bytes: 0,
            late: HashMap::new(),
            late_order: VecDeque::new(),
        }
    }

    /// Forgets everything, as when its cursor went back.
    pub fn clear(&mut self) {
        *self = Self::with_wait(self.started, self.wait);
    }

    /// Requests that wait for their second part.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes the next record, in order; what is whole now goes to `out`.
    pub fn push(&mut self, position: Position, record: Record, out: &mut Vec<Event>) {
        match record {
            Record::Decided(decided) => self.begin(position, decided, out),
            Record::Continued(continued) => {
                if let Some(pending) = self.pending.get_mut(&continued.request_id) {
                    let bytes = effects_bytes(&continued.effects);
                    pending.bytes += bytes;
                    self.bytes += bytes;
                    pending.continued.push(continued);
                    self.make_room(out);
                } else {
                    tracing::warn!(
                        request_id = continued.request_id,
                        "a record continues none that is known"
                    );
                }
            }
            Record::Completed(completed) => {
                if let Some(pending) = self.take(&completed.request_id) {
                    out.push(pending.end(Ending::Completed(completed)));
                } else if let Some(pending) = self.late.remove(&completed.request_id) {
                    self.late_order.retain(|id| *id != completed.request_id);
                    out.push(pending.end(Ending::Late(completed)));
                } else {
                    tracing::warn!(
                        request_id = completed.request_id,
                        "a record completes none that is known"
                    );
                }
            }
            Record::Coalesced(coalesced) => out.push(Event::Coalesced(position, coalesced)),
        }
    }

    fn begin(&mut self, position: Position, decided: Box<Decided>, out: &mut Vec<Event>) {
        let id = decided.request_id.clone();
        // An id that comes again is another request: ours are random, so one of the two was made up.
        if let Some(earlier) = self.take(&id) {
            out.push(earlier.end(Ending::Interrupted));
        }
        self.sequence += 1;
        let bytes = decided_bytes(&decided);
        self.bytes += bytes;
        self.order.insert((position, self.sequence), id.clone());
        let sequence = self.sequence;
        self.pending.insert(id, Pending { position, sequence, bytes, decided, continued: Vec::new() });
        self.make_room(out);
    }

    fn take(&mut self, id: &str) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        self.order.remove(&(pending.position, pending.sequence));
        self.bytes = self.bytes.saturating_sub(pending.bytes);
        Some(pending)
    }

    fn make_room(&mut self, out: &mut Vec<Event>) {
        while self.pending.len() > MAX_PENDING_REQUESTS || self.bytes > MAX_PENDING_BYTES {
            let Some((_, id)) = self.order.pop_first() else { return };
            self.give_up(&id, out);
        }
    }

    /// Gives a request out as interrupted, and remembers it for a late end.
    fn give_up(&mut self, id: &str, out: &mut Vec<Event>) {
        let Some(pending) = self.take(id) else { return };
        let Pending { position, decided, continued, sequence, bytes } = pending;
        out.push(Event::Request(Joined {
            position,
            decided: decided.clone(),
            continued: continued.clone(),
            ending: Ending::Interrupted,
        }));
        if bytes > MAX_PENDING_BYTES / MAX_LATE_REQUESTS {
            return;
        }
        if self.late_order.len() >= MAX_LATE_REQUESTS
            && let Some(oldest) = self.late_order.pop_front()
        {
            self.late.remove(&oldest);
        }
        self.late_order.push_back(id.to_owned());
        self.late.insert(id.to_owned(), Pending { position, sequence, bytes, decided, continued });
    }

    /// Gives out what is waited for in vain. All records up to `read_to` have been pushed; `now` is the time if those
    /// were all there are, `None` while more lie ahead.
    pub fn settle(&mut self, read_to: Position, now: Option<Timestamp>, out: &mut Vec<Event>) {
        while let Some(((position, _), id)) = self.order.first_key_value() {
            let of_dead_process = read_to >= self.started && *position <= self.started;
            let over = now.zip(self.pending.get(id)).is_some_and(|(now, pending)| {
                now.since(Timestamp::from_millis(pending.decided.decided_at_millis)) > self.wait
            });
            if !of_dead_process && !over {
                return;
            }
            let id = id.clone();
            if of_dead_process {
                if let Some(pending) = self.take(&id) {
                    out.push(pending.end(Ending::Interrupted));
                }
            } else {
                self.give_up(&id, out);
            }
        }
    }

    /// The position that a cursor may commit when it was read to `read_to` and all that was given out is durable:
    /// right before the oldest request that still waits.
    pub fn safe(&self, read_to: Position) -> Position {
        match self.order.first_key_value() {
            Some(((position, _), _)) => Position(position.0.saturating_sub(1)).min(read_to),
            None => read_to,
        }
    }
}

fn text(value: Option<&String>) -> usize {
    value.map_or(0, String::len)
}

fn effects_bytes(effects: &[Effect]) -> usize {
    let one = |effect: &Effect| {
        size_of::<Effect>()
            + text(effect.key.as_ref())
            + text(effect.version_id.as_ref())
            + text(effect.bucket.as_ref())
    };
    effects.iter().map(one).sum()
}

/// About what a first part takes in memory.
fn decided_bytes(decided: &Decided) -> usize {
    size_of::<Decided>()
        + 512
        + decided.target.len()
        + [
            &decided.request_parameters,
            &decided.user_agent,
            &decided.referer,
            &decided.host,
            &decided.key,
            &decided.reason,
        ]
        .into_iter()
        .map(|member| text(member.as_ref()))
        .sum::<usize>()
        + decided.resources.iter().map(|resource| resource.arn.len() + 128).sum::<usize>()
        + effects_bytes(&decided.effects)
}

#[cfg(test)]
mod tests;
