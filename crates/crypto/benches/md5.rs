//! MD5 of one message and of several at once, on one core.

#![expect(clippy::expect_used, reason = "a benchmark of lanes needs lanes")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use strongroom_crypto::{Md5Digest, Md5Lanes, Md5Stream};

/// Of each message, in pieces as they come from a TLS connection after a head of some bytes: not whole blocks.
const MESSAGE_BYTES: usize = 128 * 1024;
const FIRST_PIECE_BYTES: usize = 16 * 1024 - 350;
const PIECE_BYTES: usize = 16 * 1024;

fn pieces(message: u8) -> Vec<Bytes> {
    let data = Bytes::from(vec![message; MESSAGE_BYTES]);
    let rest = data.slice(FIRST_PIECE_BYTES..);
    let later = rest.chunks(PIECE_BYTES).map(|piece| rest.slice_ref(piece));
    std::iter::once(data.slice(..FIRST_PIECE_BYTES)).chain(later).collect()
}

fn md5(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("MD5");
    let one = vec![1; MESSAGE_BYTES];
    group.throughput(Throughput::Bytes(MESSAGE_BYTES as u64));
    group.bench_function("md-5, one message", |bencher| {
        bencher.iter(|| black_box(Md5Digest::of(black_box(&one))));
    });
    let lanes = Md5Lanes::detect().expect("lanes");
    for count in [1, 2, 4, 8, 16] {
        let messages: Vec<Vec<Bytes>> = (0..count).map(pieces).collect();
        group.throughput(Throughput::Bytes((MESSAGE_BYTES * messages.len()) as u64));
        group.bench_function(format!("{count} of {} lanes", lanes.lanes()), |bencher| {
            bencher.iter(|| {
                let mut streams = vec![Md5Stream::new(); messages.len()];
                lanes.update(streams.iter_mut().zip(&messages).map(|(stream, pieces)| (stream, &pieces[..])));
                black_box(streams)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, md5);
criterion_main!(benches);
