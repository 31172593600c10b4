//! Buffers of the bodies that pass through.

use std::sync::Arc;

use strongroom_crypto::{Buffer, BufferPool};

use crate::limits::{CHUNK_BUFFER_BYTES, FRAME_BUFFER_BYTES, IDLE_CHUNK_BUFFERS, IDLE_FRAME_BUFFERS};

/// The pools of an installation: one for the frames that are sealed, one for the chunks that are opened.
#[derive(Debug, Clone)]
pub(crate) struct Buffers {
    frames: Arc<BufferPool>,
    chunks: Arc<BufferPool>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self {
            frames: BufferPool::new(FRAME_BUFFER_BYTES, IDLE_FRAME_BUFFERS),
            chunks: BufferPool::new(CHUNK_BUFFER_BYTES, IDLE_CHUNK_BUFFERS),
        }
    }

    /// For the frames of a blob that is sealed.
    pub(crate) fn frames(&self) -> &Arc<BufferPool> {
        &self.frames
    }

    /// For so many sealed bytes that are read and opened where they lie.
    pub(crate) fn take(&self, bytes: usize) -> Buffer {
        if bytes <= FRAME_BUFFER_BYTES { self.frames.take(bytes) } else { self.chunks.take(bytes) }
    }
}
