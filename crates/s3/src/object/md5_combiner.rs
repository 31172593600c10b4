//! The MD5s of uploads that come in side by side, computed together in the processor's lanes.
//!
//! An upload leaves its pieces here and goes on sealing and writing them. It is *due* once its end waits for the digest,
//! or once it has left more than it may; only then a thread for blocking work sets out, and takes along what all the
//! others have left so far. How much an upload may leave grows with the number of others that have left something:
//! alone, nothing, and its MD5 is computed at once. So the lanes fill under load, and nobody waits for company that may
//! not come.
//!
//! A round takes a bounded number of bytes of each, so that what becomes due meanwhile soon finds a place. An upload
//! that is dropped takes its pieces with it; what a round holds of it is dropped when the round ends.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use bytes::Bytes;
use strongroom_crypto::{Md5Digest, Md5Lanes, Md5Stream};
use strongroom_gate::ErrorReply;
use tokio::sync::Notify;

use crate::error;
use crate::limits::{MD5_LEFT_BYTES, MD5_LEFT_FOR_EACH_OTHER_BYTES, MD5_ROUND_BYTES};

/// Where uploads leave their pieces.
pub(crate) struct Md5Combiner {
    lanes: Md5Lanes,
    most_workers: usize,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    /// The number of the last upload.
    last: u64,
    uploads: HashMap<u64, Upload>,
    /// Uploads whose turn it is, in order. A number without an upload is one that was dropped.
    due: VecDeque<u64>,
    /// Uploads that have left something and are not due: company.
    company: BTreeSet<u64>,
    /// Uploads that a round holds.
    in_lanes: usize,
    workers: usize,
}

struct Upload {
    place: Place,
    left: VecDeque<Bytes>,
    left_bytes: usize,
    /// Nothing more comes; the digest is waited for.
    ending: bool,
    wake: Arc<Notify>,
}

/// Where an upload's MD5 is.
enum Place {
    /// Here; in `company` if something is left.
    Here(Md5Stream),
    /// Here, and in the queue of those that are due.
    Due(Md5Stream),
    /// A round holds it.
    InLanes,
    /// A round failed.
    Lost,
}

/// What a round holds of one upload.
struct Taken {
    upload: u64,
    stream: Md5Stream,
    pieces: Vec<Bytes>,
}

impl Md5Combiner {
    /// `None` where the processor has no lanes: then each upload computes its own.
    pub(crate) fn new() -> Option<Arc<Self>> {
        let cores = available_parallelism().map_or(1, usize::from);
        Md5Lanes::detect().map(|lanes| Arc::new(Self::with(lanes, (cores / 2).max(1))))
    }

    fn with(lanes: Md5Lanes, most_workers: usize) -> Self {
        Self { lanes, most_workers, board: Mutex::default() }
    }

    /// A new upload.
    pub(crate) fn begin(self: &Arc<Self>) -> Md5Upload {
        let wake = Arc::new(Notify::new());
        let mut board = self.board();
        board.last += 1;
        let number = board.last;
        let upload = Upload {
            place: Place::Here(Md5Stream::new()),
            left: VecDeque::new(),
            left_bytes: 0,
            ending: false,
            wake: wake.clone(),
        };
        board.uploads.insert(number, upload);
        drop(board);
        Md5Upload { combiner: self.clone(), number, wake }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // No code of others runs under the lock: what it guards is whole even after a panic.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rounds, until nothing is due.
    fn work(&self) {
        while let Some(mut round) = self.take_round() {
            let work = round.iter_mut().map(|taken| (&mut taken.stream, &taken.pieces[..]));
            let done = catch_unwind(AssertUnwindSafe(|| self.lanes.update(work))).is_ok();
            self.give_back(round, done);
        }
    }

    /// Those that are due, and company for the lanes that remain; `None` ends the worker.
    fn take_round(&self) -> Option<Vec<Taken>> {
        let mut board = self.board();
        let mut round = Vec::with_capacity(self.lanes.lanes());
        while round.len() < self.lanes.lanes()
            && let Some(number) = board.due.pop_front()
        {
            round.extend(board.take(number));
        }
        if round.is_empty() {
            board.workers -= 1;
            return None;
        }
        while round.len() < self.lanes.lanes()
            && let Some(number) = board.company.pop_first()
        {
            round.extend(board.take(number));
        }
        board.in_lanes += round.len();
        Some(round)
    }

    fn give_back(&self, round: Vec<Taken>, done: bool) {
        let mut board = self.board();
        let mut pieces = Vec::with_capacity(round.len());
        for taken in round {
            pieces.push(taken.pieces);
            board.in_lanes -= 1;
            if let Some(upload) = board.uploads.get_mut(&taken.upload) {
                upload.place = if done { Place::Here(taken.stream) } else { Place::Lost };
                upload.wake.notify_one();
                board.settle(taken.upload);
            }
        }
        drop(board);
        // The pieces are freed without the lock.
        drop(pieces);
    }
}

impl Board {
    /// Puts an upload that is here where it belongs: among those that are due, or into company.
    fn settle(&mut self, number: u64) {
        let others = self.due.len() + self.in_lanes + self.company.len();
        let Some(upload) = self.uploads.get_mut(&number) else { return };
        let others = others - usize::from(self.company.contains(&number));
        match std::mem::replace(&mut upload.place, Place::Lost) {
            Place::Here(stream) if upload.left.is_empty() => upload.place = Place::Here(stream),
            Place::Here(stream) if upload.ending || upload.left_bytes > may_leave(others) => {
                upload.place = Place::Due(stream);
                self.company.remove(&number);
                self.due.push_back(number);
            }
            Place::Here(stream) => {
                upload.place = Place::Here(stream);
                self.company.insert(number);
            }
            elsewhere @ (Place::Due(_) | Place::InLanes | Place::Lost) => upload.place = elsewhere,
        }
    }

    /// An upload's next pieces for a round.
    fn take(&mut self, number: u64) -> Option<Taken> {
        let upload = self.uploads.get_mut(&number)?;
        match std::mem::replace(&mut upload.place, Place::InLanes) {
            Place::Here(stream) | Place::Due(stream) => {
                Some(Taken { upload: number, stream, pieces: upload.next_pieces() })
            }
            elsewhere @ (Place::InLanes | Place::Lost) => {
                upload.place = elsewhere;
                None
            }
        }
    }
}

impl Upload {
    fn next_pieces(&mut self) -> Vec<Bytes> {
        let (mut pieces, mut room) = (Vec::new(), MD5_ROUND_BYTES);
        while room > 0
            && let Some(mut piece) = self.left.pop_front()
        {
            if piece.len() > room {
                self.left.push_front(piece.split_off(room));
            }
            room -= piece.len();
            pieces.push(piece);
        }
        self.left_bytes -= MD5_ROUND_BYTES - room;
        pieces
    }
}

/// What an upload may leave before it is due, while `others` have left something.
fn may_leave(others: usize) -> usize {
    others.saturating_mul(MD5_LEFT_FOR_EACH_OTHER_BYTES).min(MD5_LEFT_BYTES)
}

/// One upload's MD5. Dropped, it leaves nothing.
pub(crate) struct Md5Upload {
    combiner: Arc<Md5Combiner>,
    number: u64,
    wake: Arc<Notify>,
}

impl Md5Upload {
    /// Leaves the next pieces. To be called on a runtime.
    pub(crate) fn leave(&self, pieces: &[Bytes]) {
        self.put(pieces, false);
    }

    fn put(&self, pieces: &[Bytes], ending: bool) {
        let mut board = self.combiner.board();
        if let Some(upload) = board.uploads.get_mut(&self.number)
            && !matches!(upload.place, Place::Lost)
        {
            upload.left.extend(pieces.iter().cloned());
            upload.left_bytes += pieces.iter().map(Bytes::len).sum::<usize>();
            upload.ending |= ending;
        }
        board.settle(self.number);
        if !board.due.is_empty() && board.workers < self.combiner.most_workers {
            board.workers += 1;
            let combiner = self.combiner.clone();
            tokio::task::spawn_blocking(move || combiner.work());
        }
    }

    /// Waits until no more is left than may be: what bounds the memory of an upload that comes in faster than its MD5
    /// is computed.
    pub(crate) async fn keep_up(&self) {
        self.until(|upload| upload.left_bytes <= MD5_LEFT_BYTES || matches!(upload.place, Place::Lost)).await;
    }

    /// The MD5 of all pieces, as soon as it can be had: best asked for when all else is done.
    ///
    /// # Errors
    /// `InternalError` if a round failed.
    pub(crate) async fn finish(self) -> Result<Md5Digest, ErrorReply> {
        self.put(&[], true);
        let ended = |upload: &Upload| match upload.place {
            Place::Here(_) => upload.left.is_empty(),
            Place::Lost => true,
            Place::Due(_) | Place::InLanes => false,
        };
        self.until(ended).await;
        let upload = self.combiner.board().uploads.remove(&self.number);
        match upload.map(|upload| upload.place) {
            Some(Place::Here(stream)) => Ok(stream.finalize()),
            Some(Place::Due(_) | Place::InLanes | Place::Lost) | None => Err(error::internal()),
        }
    }

    async fn until(&self, reached: impl Fn(&Upload) -> bool) {
        // A round that ends between the look and the wait is not missed: `notify_one` is kept for the next wait.
        while !self.combiner.board().uploads.get(&self.number).is_none_or(&reached) {
            self.wake.notified().await;
        }
    }
}

impl Drop for Md5Upload {
    fn drop(&mut self) {
        let mut board = self.combiner.board();
        board.company.remove(&self.number);
        let upload = board.uploads.remove(&self.number);
        drop(board);
        // Its pieces are freed without the lock.
        drop(upload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combiner(most_workers: usize) -> Option<Arc<Md5Combiner>> {
        Md5Lanes::detect().map(|lanes| Arc::new(Md5Combiner::with(lanes, most_workers)))
    }

    /// Pieces of many lengths, `seed` their own.
    fn pieces(seed: usize, count: usize) -> Vec<Bytes> {
        (0..count)
            .map(|at| {
                let length = (at * 7919 + seed * 104_729) % 70_000 + 1;
                (0..length)
                    .map(|byte| (byte * 31 + at + seed * 7).to_le_bytes()[0])
                    .collect::<Vec<u8>>()
                    .into()
            })
            .collect()
    }

    fn board_is_empty(combiner: &Md5Combiner) -> bool {
        let board = combiner.board();
        board.uploads.is_empty() && board.company.is_empty() && board.in_lanes == 0
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn uploads_side_by_side_each_get_their_own_md5() {
        let Some(combiner) = combiner(2) else { return };
        let uploads = (0..40).map(|seed| {
            let combiner = combiner.clone();
            tokio::spawn(async move {
                let pieces = pieces(seed, 10 + seed);
                let upload = combiner.begin();
                for batch in pieces.chunks(1 + seed % 5) {
                    upload.leave(batch);
                    upload.keep_up().await;
                }
                assert_eq!(upload.finish().await.unwrap(), Md5Digest::of(&pieces.concat()), "{seed}");
            })
        });
        for upload in uploads.collect::<Vec<_>>() {
            upload.await.unwrap();
        }
        assert!(board_is_empty(&combiner));
    }

    #[tokio::test]
    async fn an_upload_of_nothing_ends() {
        let Some(combiner) = combiner(1) else { return };
        assert_eq!(combiner.begin().finish().await.unwrap(), Md5Digest::of(b""));
    }

    #[tokio::test]
    async fn alone_an_upload_is_due_at_once_and_in_company_it_may_leave_some() {
        // Without a worker, so that all stays where it is put.
        let Some(combiner) = combiner(0) else { return };
        let piece = [Bytes::from_static(&[7; 1000])];
        let (first, second) = (combiner.begin(), combiner.begin());
        first.leave(&piece);
        assert_eq!(combiner.board().due, [1]);
        second.leave(&piece);
        assert_eq!(combiner.board().due, [1]);
        assert!(combiner.board().company.contains(&2));
        let most = vec![0; MD5_LEFT_FOR_EACH_OTHER_BYTES];
        second.leave(&[most.into()]);
        assert_eq!(combiner.board().due, [1, 2]);
    }

    #[tokio::test]
    async fn an_upload_whose_end_waits_takes_company_along() {
        let Some(combiner) = combiner(0) else { return };
        let (ends, stays) = (combiner.begin(), combiner.begin());
        let piece = [Bytes::from_static(&[7; 1000])];
        stays.combiner.board().in_lanes = 1;
        ends.leave(&piece);
        stays.leave(&piece);
        assert!(combiner.board().due.is_empty());
        ends.put(&[], true);
        let round = combiner.take_round().unwrap();
        assert_eq!(round.iter().map(|taken| taken.upload).collect::<Vec<_>>(), [1, 2]);
    }

    #[tokio::test]
    async fn an_upload_dropped_at_any_time_leaves_nothing_and_holds_nobody_up() {
        let Some(combiner) = combiner(0) else { return };
        let piece = [Bytes::from_static(&[7; 1000])];
        let (due, company, taken) = (combiner.begin(), combiner.begin(), combiner.begin());
        taken.leave(&piece);
        let round = combiner.take_round().unwrap();
        due.put(&piece, true);
        company.leave(&piece);
        drop((due, company, taken));
        combiner.give_back(round, true);
        assert!(board_is_empty(&combiner));
        combiner.board().workers = 1;
        assert!(combiner.take_round().is_none());
        assert!(combiner.board().due.is_empty());
    }

    #[tokio::test]
    async fn a_round_that_fails_fails_its_uploads_alone() {
        let Some(combiner) = combiner(0) else { return };
        let piece = [Bytes::from_static(&[7; 1000])];
        let (lost, other) = (combiner.begin(), combiner.begin());
        lost.leave(&piece);
        let round = combiner.take_round().unwrap();
        combiner.give_back(round, false);
        lost.keep_up().await;
        assert!(lost.finish().await.is_err());
        assert_eq!(other.finish().await.unwrap(), Md5Digest::of(b""));
    }

    #[test]
    fn a_round_takes_a_bounded_part_of_a_piece_of_any_length() {
        let Some(combiner) = combiner(0) else { return };
        let upload = combiner.begin();
        let mut board = combiner.board();
        let held = board.uploads.get_mut(&upload.number).unwrap();
        held.left.push_back(vec![0; MD5_ROUND_BYTES * 2 + 5].into());
        held.left_bytes = MD5_ROUND_BYTES * 2 + 5;
        let lengths: Vec<usize> = (0..3).map(|_| held.next_pieces().iter().map(Bytes::len).sum()).collect();
        assert_eq!(lengths, [MD5_ROUND_BYTES, MD5_ROUND_BYTES, 5]);
        assert_eq!(held.left_bytes, 0);
        drop(board);
    }
}
