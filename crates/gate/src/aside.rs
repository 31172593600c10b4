//! Work on a policy that may take long, done aside: the threads that serve requests go on serving them.

use strongroom_policy::Document;
use strongroom_policy::public::{self, Exposure};
use strongroom_storage::StoreError;
use strongroom_types::AccountId;
use tokio::sync::Semaphore;

use crate::ErrorReply;

/// Policies that are worked on at once: each may keep a core busy for as long as [`public::BUDGET`] lasts.
const MAX_AT_ONCE: usize = 2;

/// Policies that are worked on or wait for it. Whoever comes then is told to come again.
const MAX_WAITING: usize = 64;

static WORKING: Semaphore = Semaphore::const_new(MAX_AT_ONCE);
static WAITING: Semaphore = Semaphore::const_new(MAX_WAITING);

const _: () = assert!(MAX_AT_ONCE <= MAX_WAITING);

/// [`public::assess`], aside.
///
/// # Errors
/// Those of [`aside`].
pub async fn assess(document: &Document, owner: AccountId) -> Result<Option<Exposure>, ErrorReply> {
    let document = document.clone();
    aside(move || public::assess(&document, owner)).await
}

/// Does some work on a policy when its turn comes. Work that has begun goes on to its end where nobody waits for it any
/// more, and keeps its turn until then.
///
/// # Errors
/// `SlowDown` where too many wait.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ErrorReply> {
    let place = WAITING.try_acquire().map_err(|_| ErrorReply::from(&StoreError::Busy))?;
    let turn = WORKING.acquire().await.map_err(|_| ErrorReply::from(&StoreError::Closed))?;
    let working = tokio::task::spawn_blocking(move || {
        let _held = (place, turn);
        work()
    });
    let failed =
        |_| ErrorReply::new(500, "InternalError", "We encountered an internal error. Please try again.");
    working.await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// One test, since all share the places.
    #[tokio::test]
    async fn work_waits_its_turn_and_whoever_comes_too_late_is_told() {
        let (open, gate) = mpsc::channel::<()>();
        let (entered, mut working) = tokio::sync::mpsc::unbounded_channel();
        let gate = std::sync::Arc::new(std::sync::Mutex::new(gate));
        let mut waiting = Vec::new();
        for index in 0..MAX_WAITING {
            let (gate, entered) = (gate.clone(), entered.clone());
            let work = move || {
                let _ = entered.send(index);
                gate.lock().unwrap().recv().unwrap();
                index
            };
            waiting.push(tokio::spawn(aside(work)));
            tokio::task::yield_now().await;
        }
        // The thread that serves is free all the while, and no more than may work do.
        for _ in 0..MAX_AT_ONCE {
            working.recv().await.unwrap();
        }
        assert!(working.try_recv().is_err());
        assert_eq!(aside(|| ()).await.unwrap_err().code, "SlowDown");
        // One that nobody waits for any more leaves its place.
        let given_up = waiting.pop().unwrap();
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        for _ in 0..MAX_WAITING - 1 {
            open.send(()).unwrap();
        }
        for (index, work) in waiting.into_iter().enumerate() {
            assert_eq!(work.await.unwrap().unwrap(), index);
        }
        assert_eq!(aside(|| 7).await.unwrap(), 7);
    }
}
