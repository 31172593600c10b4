//! Buffers, those of one size used again and again.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Lends buffers for the frames of large blobs. They are filled on one thread and freed on another; a general allocator
/// keeps what each thread has freed apart from the others, and so holds several times what is in use.
///
/// What comes back is kept for the next one to ask, up to a number; it is overwritten then, not before: a buffer is as
/// secret as the memory of the process.
pub struct BufferPool {
    idle: Mutex<Vec<Vec<u8>>>,
    buffer_bytes: usize,
    most_idle: usize,
}

impl BufferPool {
    /// A pool of buffers that have room for `buffer_bytes`, of which it keeps `most_idle` at most while nobody uses them.
    pub fn new(buffer_bytes: usize, most_idle: usize) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), buffer_bytes, most_idle })
    }

    /// A buffer without bytes that has room for `bytes`. One that needs less than half of a buffer of the pool, or more
    /// than one has, is allocated and freed as any other.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Buffer {
        if bytes <= self.buffer_bytes / 2 || bytes > self.buffer_bytes {
            return Buffer::with_room(bytes);
        }
        let idle = self.idle().pop();
        let bytes = idle.unwrap_or_else(|| Vec::with_capacity(self.buffer_bytes));
        Buffer { bytes, pool: Some(self.clone()) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // Buffers are pushed and popped whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        // One that had to grow is as good as any; one that was taken away has no room.
        if buffer.capacity() < self.buffer_bytes {
            return;
        }
        buffer.clear();
        let mut idle = self.idle();
        if idle.len() < self.most_idle {
            idle.push(buffer);
        }
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("buffer_bytes", &self.buffer_bytes)
            .field("idle", &self.idle().len())
            .finish_non_exhaustive()
    }
}

/// A buffer. One of a pool goes back when the last of its [`Bytes`] is gone.
pub struct Buffer {
    bytes: Vec<u8>,
    pool: Option<Arc<BufferPool>>,
}

impl Buffer {
    /// One of no pool, without bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), pool: None }
    }

    /// Its bytes, to be filled.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Its bytes as a value that can be cloned and cut without a copy.
    pub fn into_bytes(mut self) -> Bytes {
        if self.pool.is_some() { Bytes::from_owner(self) } else { std::mem::take(&mut self.bytes).into() }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pool: &Arc<BufferPool>, byte: u8) -> Bytes {
        let mut buffer = pool.take(8);
        assert!(buffer.as_ref().is_empty(), "nothing of the last user is seen");
        buffer.bytes_mut().resize(8, byte);
        buffer.into_bytes()
    }

    #[test]
    fn a_buffer_comes_back_with_the_last_of_its_bytes_and_is_lent_again() {
        let pool = BufferPool::new(8, 2);
        let whole = filled(&pool, 1);
        let (address, part) = (whole.as_ptr(), whole.slice(2..4));
        drop(whole);
        assert_eq!(pool.idle().len(), 0, "a part is still in use");
        drop(part);
        assert_eq!(pool.idle().len(), 1);
        assert_eq!(filled(&pool, 2).as_ptr(), address);
    }

    #[test]
    fn no_more_idle_buffers_are_kept_than_was_said() {
        let pool = BufferPool::new(8, 2);
        let all: Vec<_> = (0..5).map(|byte| filled(&pool, byte)).collect();
        drop(all);
        assert_eq!(pool.idle().len(), 2);
        // What was taken out of a buffer leaves nothing to keep.
        let mut emptied = pool.take(8);
        drop(std::mem::take(emptied.bytes_mut()));
        drop(emptied);
        assert_eq!(pool.idle().len(), 1);
    }

    #[test]
    fn what_needs_much_less_or_more_than_a_buffer_of_the_pool_is_not_of_it() {
        let pool = BufferPool::new(8, 2);
        for (bytes, kept) in [(4, 0), (9, 0), (5, 1)] {
            let mut buffer = pool.take(bytes);
            buffer.bytes_mut().resize(bytes, 1);
            assert_eq!(buffer.into_bytes().len(), bytes);
            assert_eq!(pool.idle().len(), kept, "{bytes}");
        }
    }
}
