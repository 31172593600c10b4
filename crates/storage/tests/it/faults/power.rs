//! Power cuts: at any operation of a life, of the recovery after a kill, and of the recovery after a power cut.

use strongroom_powercut::Random;
use strongroom_powercut::plan::{Call, Effect, Plan, Point as Fault};

use super::point::{Kind, Point, Recording};
use super::points;
use crate::work::seed;

/// Cuts of one record.
const CUTS: u64 = 40;

/// Records that build on the one before, until a new directory.
const GENERATIONS: u64 = 4;

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged_and_shows_nothing_half_done() {
    let seed = seed("power cuts");
    let mut random = Random::of(&[seed, 1]);
    let wanted = points() * 5 / 9;
    let (mut tried, mut events, mut base) = (0, 0, None);
    for generation in 0.. {
        if tried >= wanted {
            break;
        }
        if generation % GENERATIONS == 0 {
            base = None;
        }
        let mut recording = Recording::new(seed, base.take());
        // A kill somewhere, and a second life, whose recovery is cut as well.
        let kill = Fault {
            call: None,
            prefix: String::new(),
            number: 300 + random.below(2500),
            effect: Effect::Kill,
        };
        let (_, told) = recording.live(&Plan::of([kill]), 40);
        assert!(!told.contains("panicked"), "{told}");
        let (status, told) = recording.live(&Plan::default(), 10);
        assert!(status.success() && told.contains("HEALTH ready"), "{status}: {told}");
        let births = recording.births();
        let second = births[1];
        let end = recording.trace.len();
        let cuts = CUTS.min(wanted - tried);
        let place = |random: &mut Random| match random.below(8) {
            // The start of either life has few operations and much at stake.
            0 => births[0] + random.index(second.min(births[0] + 400) - births[0]),
            1 | 2 => second + random.index((end - second).min(600)),
            _ => random.index(end + 1),
        };
        let cut = |random: &mut Random| Point { kind: Kind::Cut, at: place(random), chance: random.draw() };
        let points: Vec<_> = (0..cuts).map(|_| cut(&mut random)).collect();
        base = recording.examine(points);
        tried += cuts;
        events += end;
    }
    println!("{tried} power cuts among {events} operations");
}

/// Were a sync left out, the test above would fail: each kind of them is left out here, by a disk that lies.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let seed = seed("lies");
    let mut random = Random::of(&[seed, 4]);
    for part in ["data/log/", "data/log", "data/blobs/", "data/index/tables/", "data/index"] {
        let lie = Fault { call: Some(Call::Sync), prefix: part.to_owned(), number: 0, effect: Effect::Lie };
        let mut recording = Recording::new(seed, None);
        let (status, told) = recording.live(&Plan::of([lie]), 40);
        assert!(status.success() && told.contains("HEALTH ready"), "{status}: {told}");
        let end = recording.trace.len();
        let cut = |random: &mut Random| Point {
            kind: Kind::Cut,
            at: end / 2 + random.index(end / 2),
            chance: random.draw(),
        };
        let mut tried = 0;
        let mut unsound = 0;
        while unsound == 0 && tried < 300 {
            unsound = recording.count_unsound((0..30).map(|_| cut(&mut random)).collect());
            tried += 30;
        }
        println!("{part}: {unsound} of {tried} cuts are unsound");
        assert!(unsound > 0, "nobody misses the syncs of {part}");
    }
}
