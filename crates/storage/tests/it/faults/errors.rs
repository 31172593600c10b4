//! Disks that fail: an error or a short write at any call, a disk that is full from some call on; what the store says
//! then, and what is left for the next start.

use std::collections::{BTreeMap, HashMap};

use strongroom_powercut::plan::{Call, Effect, Plan, Point as Fault};
use strongroom_powercut::{Event, Random, Trace};

use super::point::{Kind, Point, Recording};
use super::points;
use crate::work::seed;

/// Points of one record.
const POINTS: u64 = 9;

/// The parts of a data directory, the narrower ones first.
const PARTS: [&str; 9] = [
    "data/log",
    "data/index/tables",
    "data/index/current",
    "data/index/v",
    "data/index",
    "data/blobs",
    "data/reserve",
    "data/FORMAT",
    "data",
];

/// How many calls of each kind a life makes in each part.
fn calls(trace: &Trace) -> BTreeMap<(Call, &'static str), u64> {
    let mut paths: HashMap<i32, Vec<u8>> = HashMap::new();
    let mut counts = BTreeMap::new();
    for event in trace.events() {
        let of = |fd| paths.get(&fd).cloned().unwrap_or_default();
        let (call, path) = match event {
            Event::Open { fd, path, .. } => {
                paths.insert(fd, path.to_vec());
                (Call::Open, path.to_vec())
            }
            Event::Write { fd, .. } => (Call::Write, of(fd)),
            Event::Resize { fd, .. } => (Call::Resize, of(fd)),
            Event::SyncBegin { fd, .. } => (Call::Sync, of(fd)),
            Event::Rename { to, .. } => (Call::Rename, to.to_vec()),
            Event::Link { to, .. } => (Call::Link, to.to_vec()),
            Event::Unlink { path } => (Call::Unlink, path.to_vec()),
            Event::MakeDirectory { path } => (Call::MakeDirectory, path.to_vec()),
            Event::RemoveDirectory { path } => (Call::RemoveDirectory, path.to_vec()),
            Event::Life
            | Event::Close { .. }
            | Event::Duplicate { .. }
            | Event::SyncEnd { .. }
            | Event::Mark { .. }
            | Event::Injected { .. } => continue,
        };
        if let Some(part) = PARTS.into_iter().find(|part| path.starts_with(part.as_bytes())) {
            *counts.entry((call, part)).or_default() += 1;
        }
    }
    counts
}

/// A plan for a life that makes about these calls.
fn draw(calls: &BTreeMap<(Call, &'static str), u64>, random: &mut Random) -> Plan {
    let all: Vec<_> = calls.iter().collect();
    let ((call, part), count) = all[random.index(all.len())];
    let effects: &[Effect] = match call {
        Call::Write => &[Effect::Broken, Effect::NoRoom, Effect::Short, Effect::Full],
        Call::Sync | Call::Open => &[Effect::Broken, Effect::NoRoom],
        Call::Resize
        | Call::Allocate
        | Call::Rename
        | Call::Link
        | Call::Unlink
        | Call::MakeDirectory
        | Call::RemoveDirectory => &[Effect::Broken, Effect::NoRoom],
    };
    let fault = |call, part: &str, number, effect| Fault {
        call: Some(call),
        prefix: part.to_owned(),
        number,
        effect,
    };
    let mut faults = vec![fault(*call, part, 1 + random.below(*count), effects[random.index(effects.len())])];
    // From time to time the emergency log fails as well.
    if random.one_in(8) {
        let call = if random.one_in(2) { Call::Write } else { Call::Sync };
        faults.push(fault(Call::Sync, "data/log", 1 + random.below(40), Effect::Broken));
        faults.push(fault(call, "data/reserve", 1 + random.below(6), Effect::Broken));
    }
    Plan::of(faults)
}

/// Whether nothing may be acknowledged any more after a call failed so: after any failed sync of data, and after any
/// other error than want of room in writing or switching files.
fn poisons(call: Call, errno: i32, path: &[u8]) -> bool {
    const EIO: i32 = 5;
    let in_part = |part: &str| path.starts_with(part.as_bytes());
    match call {
        Call::Sync if errno == EIO => in_part("data/log") || in_part("data/blobs") || in_part("data/index"),
        Call::Sync => in_part("data/log") || in_part("data/blobs"),
        Call::Write if errno == EIO => in_part("data/log") || in_part("data/blobs") || in_part("data/index"),
        Call::Rename => errno == EIO && in_part("data/index"),
        Call::Write
        | Call::Open
        | Call::Resize
        | Call::Allocate
        | Call::Link
        | Call::Unlink
        | Call::MakeDirectory
        | Call::RemoveDirectory => false,
    }
}

/// What the store said of itself after what happened to it.
fn check_health(trace: &Trace, plan: &Plan) -> bool {
    let (mut fired, mut ready, mut poisoned) = (false, false, None);
    for event in trace.events() {
        match event {
            Event::Mark { text } => {
                let text = String::from_utf8_lossy(text);
                ready |= text.starts_with("READY");
                if let Some(health) = text.strip_prefix("HEALTH ") {
                    let health = health.trim();
                    assert!(
                        poisoned.is_none() || health != "ready",
                        "{plan}: {poisoned:?}, but it is {health}"
                    );
                }
            }
            Event::Injected { call, errno, path } => {
                fired = true;
                if ready && poisons(call, errno, path) {
                    poisoned = Some((call, errno, String::from_utf8_lossy(path).into_owned()));
                }
            }
            Event::Life
            | Event::Open { .. }
            | Event::Close { .. }
            | Event::Duplicate { .. }
            | Event::Write { .. }
            | Event::Resize { .. }
            | Event::SyncBegin { .. }
            | Event::SyncEnd { .. }
            | Event::Rename { .. }
            | Event::Link { .. }
            | Event::Unlink { .. }
            | Event::MakeDirectory { .. }
            | Event::RemoveDirectory { .. } => {}
        }
    }
    fired
}

#[test]
fn an_error_at_any_call_acknowledges_nothing_wrong_and_loses_nothing() {
    let seed = seed("errors");
    let mut random = Random::of(&[seed, 2]);
    let wanted = points() * 2 / 9;
    // A life in a new directory, and one in what it left: both are to fail.
    let mut usual = Vec::new();
    let mut base = None;
    for _ in 0..2 {
        let mut recording = Recording::new(seed, base.clone());
        let (status, told) = recording.live(&Plan::default(), 25);
        assert!(status.success() && told.contains("HEALTH ready"), "{status}: {told}");
        let end = Point { kind: Kind::Whole, at: recording.trace.len(), chance: 1 };
        let next = recording.examine(vec![end]);
        usual.push((base, calls(&recording.trace)));
        base = next;
    }
    let (mut tried, mut lives, mut fired) = (0, 0, 0);
    while tried < wanted {
        let (base, calls) = &usual[random.index(2)];
        let plan = draw(calls, &mut random);
        let mut recording = Recording::new(seed, base.clone());
        let (status, told) = recording.live(&plan, 25);
        recording.demand(status.success(), &format!("{plan}: {status}: {told}"));
        let readable = plan.to_string().contains("open") || !told.contains("UNREAD");
        recording.demand(readable, &format!("{plan}: reads fail: {told}"));
        lives += 1;
        fired += u64::from(check_health(&recording.trace, &plan));
        let (status, told) = recording.live(&Plan::default(), 4);
        let sound = status.success() && told.contains("HEALTH ready");
        recording.demand(sound, &format!("after {plan}: {status}: {told}"));
        let second = recording.births()[1];
        let first_fault = recording.trace.events().position(|event| matches!(event, Event::Injected { .. }));
        let first_fault = first_fault.unwrap_or(0);
        let end = recording.trace.len();
        let mut point = |kind, at| Point { kind, at, chance: random.draw() };
        let mut places = vec![point(Kind::Whole, second), point(Kind::Whole, end)];
        places.extend((0..3).map(|_| point(Kind::Cut, second)));
        let between = |from: usize, to: usize, random: &mut Random| from + random.index(to - from + 1);
        let (a, b) = (between(first_fault, second, &mut random), between(second, end, &mut random));
        let (c, d) =
            (between(second, (second + 150).min(end), &mut random), between(second, end, &mut random));
        for at in [a, b, c, d] {
            places.push(Point { kind: Kind::Cut, at, chance: random.draw() });
        }
        println!("{plan}");
        recording.examine(places);
        tried += POINTS;
    }
    println!("{tried} points after {fired} faults in {lives} lives");
    assert!(fired * 2 > lives, "the plans hardly met a call");
}
