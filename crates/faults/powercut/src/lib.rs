//! What a power cut leaves of a directory: tests record a process's file operations with the preloaded library
//! `strongroom-faults`, and rebuild from the record any state that a disk may be in afterwards.
//!
//! In reading order: [`trace`] is the record's form, [`plan`] says which operation fails and how, [`run`] starts a
//! process under the library, [`disk`] replays a record and knows what is durable and what is only hoped for, [`cut`]
//! draws one legal state from that and writes it into a directory. Everything random follows from a [`Random`].
//!
//! # The model
//!
//! It is the adversarial one of ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, section 3,
//! "abstract persistence models"): what POSIX promises, and nothing that some file system happens to do beyond it.
//!
//! - **Durable**: a file's bytes and length once an fsync or fdatasync of that file has returned; the names in a
//!   directory once an fsync of that directory has returned. Only what came before the sync *began* counts. An fsync
//!   of a file does not make its name durable, nor does one of a directory the contents of its files.
//! - **Names**: of the other changes of names (create, link, unlink, rename, mkdir, rmdir) any subset is kept, as on
//!   ext2 and btrfs in the paper's table 1, with two rules that hold everywhere: changes of one name in one directory
//!   keep their order, and a rename is there whole or not at all, also across two directories.
//! - **Bytes**: each page of 4 KiB is as it was after some prefix of the writes that touched it, every page for
//!   itself: pages go out in any order, but a page goes out as it stood. One page may be torn at a sector of 512 bytes.
//!   Writes that follow a truncation which is not kept are not kept either: their blocks belong to the new extent map.
//! - **Length**: as after some prefix of the operations, and in the middle of an append at any page's end. A page
//!   within the length whose bytes were never written out holds zeros, or, as under ext4's `data=writeback`, anything.
//! - **A failed sync** of a file leaves the bytes that it was to make durable in doubt for good: a later sync that
//!   succeeds does not bring them back, for the kernel takes those pages for clean ("fsyncgate"; Rebello et al., "Can
//!   Applications Recover from fsync Failures?", ATC 2020, on ext4 and XFS), and readers see them as if nothing had
//!   happened, after a restart of the process too. Only a page that is written anew, and synced, is certain again. The
//!   file's length, and the names of a directory whose sync has failed, are as unsynced as they were: a journal that
//!   cannot be written stops for good.
//! - **A process that dies** loses nothing that the kernel has: a later life goes on with what the earlier ones did,
//!   and with their unsynced operations still unsynced.

pub mod cut;
pub mod disk;
pub mod plan;
pub mod run;
pub mod trace;

mod random;

pub use cut::State;
pub use disk::Disk;
pub use plan::{Call, Effect, Plan, Point};
pub use random::Random;
pub use trace::{Event, Trace};
