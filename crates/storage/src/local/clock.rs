//! The store clock: max(wall clock, last frame's time + 1 ms).

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use strongroom_types::Timestamp;

use super::limits;
use crate::WallClock;

pub(crate) struct Clock {
    wall: WallClock,
    last_frame_millis: AtomicI64,
}

impl Clock {
    /// A clock that was last told `last_frame` (`None`: never).
    pub(crate) fn new(wall: WallClock, last_frame: Option<Timestamp>) -> Self {
        Self { wall, last_frame_millis: AtomicI64::new(last_frame.map_or(-1, Timestamp::as_millis)) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let next = Timestamp::from_millis(self.last_frame_millis.load(Ordering::Acquire).saturating_add(1));
        (self.wall)().max(next)
    }

    /// A frame with this time is durable.
    pub(crate) fn told(&self, time: Timestamp) {
        self.last_frame_millis.fetch_max(time.as_millis(), Ordering::AcqRel);
    }

    pub(crate) fn lag(&self) -> Option<Duration> {
        let last = Timestamp::from_millis(self.last_frame_millis.load(Ordering::Acquire));
        let lag = last.since((self.wall)());
        (lag > limits::CLOCK_LAG).then_some(lag)
    }
}
