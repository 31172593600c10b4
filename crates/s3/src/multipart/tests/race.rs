//! Requests on one upload at the same time.

use futures_util::future::join_all;

use super::*;

/// Eight writers of parts, two that complete and one that aborts, interleaved by a seed.
async fn one_race(seed: u64) {
    let harness = Harness::new().await;
    let id = create(&harness, "k").await;
    let etag = part(&harness, "k", &id, 1, b"first").await;
    harness.engine.interleave(seed);
    let parts = (0..8_u8).map(|writer| {
        let (harness, id) = (&harness, &id);
        async move {
            let number = i32::from(writer % 3) + 1;
            let bytes = if number == 1 { b"first".to_vec() } else { vec![writer; 5] };
            let result =
                harness.call::<op::UploadPart>(part_input("k", id, number), Some(body(&bytes))).await;
            result.map(|_| ()).map_err(|error| error.code.into_owned())
        }
    });
    let completes = (0..2).map(|_| {
        let input = complete_input("k", &id, &[(1, &etag)]);
        async { complete(&harness, input).await.map_err(|error| error.code.into_owned()) }
    });
    let abort = harness.call::<op::AbortMultipartUpload>(abort_input("k", &id), None);
    let (parts, completes, abort) = tokio::join!(join_all(parts), join_all(completes), abort);
    for result in &parts {
        assert!(
            matches!(result.as_ref().map_err(String::as_str), Ok(()) | Err("NoSuchUpload")),
            "{result:?}"
        );
    }
    let completed = completes.iter().filter(|result| result.is_ok()).count();
    assert!(completed == 0 || abort.is_err(), "an upload is completed or aborted, not both");
    assert!(completed == 2 || abort.is_ok(), "whoever completes second is answered the same: {completes:?}");
    harness.engine.interleave(0);
    assert_eq!(get(&harness, "k").await.is_ok(), completed > 0);
    assert_eq!((rows(&harness, b'u').await, rows(&harness, b'p').await), (0, usize::from(completed > 0)));
    assert_blobs_match_rows(&harness).await;
}

#[tokio::test]
async fn parts_completes_and_aborts_at_once_leave_all_or_nothing() {
    for seed in 1..200 {
        one_race(seed * 7919).await;
    }
}

#[tokio::test]
async fn of_racing_completes_that_want_nothing_there_one_wins() {
    for seed in 1..60 {
        let harness = Harness::new().await;
        let mut inputs = Vec::new();
        for writer in 0..4_u8 {
            let id = create(&harness, "k").await;
            let etag = part(&harness, "k", &id, 1, &[writer]).await;
            inputs.push(CompleteMultipartUploadInput {
                if_none_match: Some("*".into()),
                ..complete_input("k", &id, &[(1, &etag)])
            });
        }
        harness.engine.interleave(seed * 104_729);
        let results = join_all(inputs.into_iter().map(|input| complete(&harness, input))).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "seed {seed}");
        for error in results.into_iter().filter_map(Result::err) {
            assert!(matches!(error.code.as_ref(), "PreconditionFailed" | "ConditionalRequestConflict"));
        }
    }
}
