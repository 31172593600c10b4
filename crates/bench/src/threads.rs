//! The generator's threads: each runs the tasks of its share of the clients and nothing else, so that no task moves from
//! one core to another and none wakes a thread that looks for work.

use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::BenchError;

/// The threads. They end when this is dropped.
pub(crate) struct Threads(Vec<Thread>);

struct Thread {
    handle: Handle,
    /// Ends the thread.
    end: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts so many.
    pub(crate) fn start(count: usize) -> Result<Self, BenchError> {
        (0..count).map(|_| Thread::start()).collect::<Result<_, _>>().map(Self)
    }

    /// The thread of the client of that number.
    pub(crate) fn of(&self, client: usize) -> Option<&Handle> {
        self.0.get(client % self.0.len().max(1)).map(|thread| &thread.handle)
    }
}

impl Thread {
    fn start() -> Result<Self, BenchError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(BenchError::Threads)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let running = std::thread::Builder::new()
            .name("bench".to_owned())
            // An error says that the sender is gone, which ends the thread too.
            .spawn(move || drop(runtime.block_on(ended)))
            .map_err(BenchError::Threads)?;
        Ok(Self { handle, end: Some(end), running: Some(running) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(running) = self.running.take() {
            // A panic in it was told by its task already.
            drop(running.join());
        }
    }
}
