//! What the two ends of hyper's connection tell each other: the bytes below it and the service above it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::outgoing::Finish;
use crate::listener::fault::HeadFault;

#[derive(Debug, Default)]
struct Facts {
    /// Heads given to hyper.
    passed: u64,
    /// Requests that hyper gave to the service.
    served: u64,
    /// Answers that ended.
    answered: u64,
    /// The number of the head that stands in for a malformed one, and its fault.
    malformed: Option<(u64, HeadFault)>,
    /// Answers whose last byte is in hyper's buffer.
    flushing: Vec<Finish>,
    /// Who waits for the connection to be idle.
    reader: Option<Waker>,
    /// The connection is gone.
    closed: bool,
}

/// Facts of one connection, shared by its reader, its service and its answers' bodies. All run in the connection's
/// task, so that the lock is never contended for long.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    facts: Mutex<Facts>,
}

impl Wire {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A checked head goes to hyper.
    pub(crate) fn head_passed(&self) {
        self.facts().passed += 1;
    }

    /// The next head that goes to hyper stands in for one with a fault.
    pub(crate) fn malformed_passed(&self, fault: HeadFault) {
        let mut facts = self.facts();
        facts.malformed = Some((facts.passed, fault));
        facts.passed += 1;
    }

    /// The service got a request; the fault if it is the stand-in.
    pub(crate) fn next_served(&self) -> Option<HeadFault> {
        let mut facts = self.facts();
        let number = facts.served;
        facts.served += 1;
        facts.malformed.filter(|(malformed, _)| *malformed == number).map(|(_, fault)| fault)
    }

    /// Whether a request is with hyper, the service or the answer's body.
    pub(crate) fn is_busy(&self) -> bool {
        let facts = self.facts();
        facts.passed > facts.answered
    }

    /// An answer ended; wakes the reader, which may start to count idle time.
    pub(crate) fn answered(&self) {
        let waker = {
            let mut facts = self.facts();
            facts.answered += 1;
            facts.reader.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Remembers whom to wake when an answer ends.
    pub(crate) fn wait_answered(&self, waker: &Waker) {
        self.facts().reader = Some(waker.clone());
    }

    /// The last byte of an answer is buffered. hyper may drop a body after the connection: then it is lost.
    pub(crate) fn await_flush(&self, finish: Finish) {
        let lost = {
            let mut facts = self.facts();
            if facts.closed {
                Some(finish)
            } else {
                facts.flushing.push(finish);
                None
            }
        };
        drop(lost);
    }

    /// All that was buffered has left.
    pub(crate) fn flushed(&self) {
        let flushed = std::mem::take(&mut self.facts().flushing);
        flushed.into_iter().for_each(Finish::completed);
    }

    /// The connection is gone: what was not flushed never will be.
    pub(crate) fn closed(&self) {
        let lost = {
            let mut facts = self.facts();
            facts.closed = true;
            std::mem::take(&mut facts.flushing)
        };
        drop(lost);
    }
}
