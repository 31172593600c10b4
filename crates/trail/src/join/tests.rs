use super::*;

const T: i64 = 1_800_000_000_000;

fn decided(id: &str) -> Record {
    decided_at(id, T)
}

fn decided_at(id: &str, millis: i64) -> Record {
    Record::Decided(Box::new(Decided {
        request_id: id.into(),
        decided_at_millis: millis,
        ..Decided::default()
    }))
}

fn completed(id: &str) -> Record {
    Record::Completed(Box::new(Completed { request_id: id.into(), status: 200, ..Completed::default() }))
}

fn continued(id: &str) -> Record {
    Record::Continued(Continued { request_id: id.into(), effects: vec![Effect::default()] })
}

/// Id, number of continuations, and how it ended.
fn told(events: &[Event]) -> Vec<(String, usize, &'static str)> {
    events
        .iter()
        .map(|event| match event {
            Event::Coalesced(_, coalesced) => (coalesced.source_ip.clone(), 0, "coalesced"),
            Event::Request(joined) => {
                let ending = match joined.ending {
                    Ending::Completed(_) => "completed",
                    Ending::Interrupted => "interrupted",
                    Ending::Late(_) => "late",
                };
                (joined.decided.request_id.clone(), joined.continued.len(), ending)
            }
        })
        .collect()
}

fn push_all(joiner: &mut Joiner, records: impl IntoIterator<Item = (u64, Record)>) -> Vec<Event> {
    let mut out = Vec::new();
    for (position, record) in records {
        joiner.push(Position(position), record, &mut out);
    }
    out
}

#[test]
fn the_parts_of_interleaved_requests_find_each_other() {
    let mut joiner = Joiner::new(Position(0));
    let out = push_all(
        &mut joiner,
        [
            (1, decided("A")),
            (2, decided("B")),
            (3, continued("A")),
            (4, completed("B")),
            (5, continued("A")),
            (6, completed("A")),
        ],
    );
    assert_eq!(told(&out), [("B".into(), 0, "completed"), ("A".into(), 2, "completed")]);
    assert_eq!(joiner.pending(), 0);
    assert_eq!(joiner.safe(Position(6)), Position(6));
}

#[test]
fn a_cursor_may_not_pass_the_oldest_request_that_waits() {
    let mut joiner = Joiner::new(Position(0));
    push_all(&mut joiner, [(3, decided("A")), (5, decided("B")), (7, completed("B"))]);
    assert_eq!(joiner.safe(Position(7)), Position(2));
    push_all(&mut joiner, [(9, completed("A"))]);
    assert_eq!(joiner.safe(Position(9)), Position(9));
}

#[test]
fn requests_of_a_dead_process_are_interrupted_once_all_its_records_are_read() {
    let mut joiner = Joiner::new(Position(10));
    push_all(&mut joiner, [(8, decided("A")), (9, decided("B"))]);
    let mut out = Vec::new();
    joiner.settle(Position(9), None, &mut out);
    assert_eq!(told(&out), [], "its second part may be the next record");
    push_all(&mut joiner, [(10, completed("B")), (12, decided("C"))]);
    joiner.settle(Position(12), None, &mut out);
    assert_eq!(told(&out), [("A".into(), 0, "interrupted")]);
    assert_eq!(joiner.pending(), 1, "C belongs to the process that runs");
}

#[test]
fn a_request_that_takes_too_long_is_given_out_and_amended_at_its_end() {
    let mut joiner = Joiner::with_wait(Position(0), Duration::from_mins(1));
    push_all(&mut joiner, [(1, decided("A"))]);
    let mut out = Vec::new();
    joiner.settle(Position(1), Some(Timestamp::from_millis(T + 60_000)), &mut out);
    assert_eq!(told(&out), []);
    joiner.settle(Position(1), Some(Timestamp::from_millis(T + 60_001)), &mut out);
    assert_eq!(told(&out), [("A".into(), 0, "interrupted")]);
    assert_eq!(joiner.safe(Position(1)), Position(1), "it holds the cursor no longer");
    assert_eq!(told(&push_all(&mut joiner, [(2, completed("A"))])), [("A".into(), 0, "late")]);
    assert_eq!(told(&push_all(&mut joiner, [(3, completed("A"))])), []);
}

#[test]
fn a_backlog_is_not_mistaken_for_a_long_wait() {
    let mut joiner = Joiner::with_wait(Position(0), Duration::from_mins(1));
    push_all(&mut joiner, [(1, decided("A"))]);
    let mut out = Vec::new();
    joiner.settle(Position(1), None, &mut out);
    assert_eq!(told(&out), []);
}

#[test]
fn the_window_is_bounded_in_number_and_gives_up_the_oldest() {
    let mut joiner = Joiner::new(Position(0));
    let many = (1..).zip((0..=MAX_PENDING_REQUESTS).map(|n| decided(&n.to_string())));
    let out = push_all(&mut joiner, many);
    assert_eq!(out.len(), 1);
    assert_eq!(told(&out), [("0".into(), 0, "interrupted")]);
    assert_eq!(joiner.pending(), MAX_PENDING_REQUESTS);
}

#[test]
fn the_window_is_bounded_in_bytes() {
    let mut joiner = Joiner::new(Position(0));
    let large = |id: u64| {
        Record::Decided(Box::new(Decided {
            request_id: id.to_string(),
            request_parameters: Some("x".repeat(1 << 20)),
            ..Decided::default()
        }))
    };
    let out = push_all(&mut joiner, (1..=70).map(|n| (n, large(n))));
    assert!(!out.is_empty());
    assert!(joiner.bytes <= MAX_PENDING_BYTES);
    assert!(joiner.late.is_empty(), "large ones are not remembered");
}

#[test]
fn counted_refusals_pass_through() {
    let mut joiner = Joiner::new(Position(0));
    let coalesced = Coalesced { source_ip: "192.0.2.1".into(), second: 5, refused: 9 };
    let out = push_all(&mut joiner, [(4, Record::Coalesced(coalesced.clone()))]);
    assert_eq!(out, [Event::Coalesced(Position(4), coalesced)]);
}
