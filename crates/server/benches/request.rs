//! How long a request takes from its raw head to its typed input: the checker, what is signed, the route, the input, what
//! the record tells of it. Without the signature's check, which `sigv4` measures.

use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_server::fuzz::read_request;

const SIGNED: &str = "Host: localhost:9000\r\n\
    User-Agent: Boto3/1.40.61 md/Botocore#1.40.61 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.13.5 cfg/retry-mode#standard\r\n\
    X-Amz-Date: 20261126T130000Z\r\n\
    X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\n\
    Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261126/us-east-1/s3/aws4_request, \
    SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-camera;x-amz-tagging, \
    Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\r\n";

fn bench(criterion: &mut Criterion) {
    let requests = [
        ("HeadObject", "HEAD /bucket/photos/2026/11/24/IMG_000123.jpeg", ""),
        ("GetObject", "GET /bucket/photos/2026/11/24/IMG_000123.jpeg", "Range: bytes=0-4095\r\n"),
        (
            "PutObject",
            "PUT /bucket/photos/2026/11/24/IMG_000123.jpeg",
            "Content-Length: 4096\r\nContent-Type: image/jpeg\r\nX-Amz-Meta-Camera: one\r\nX-Amz-Tagging: a=b\r\n",
        ),
        (
            "ListObjectsV2",
            "GET /bucket?list-type=2&prefix=photos%2F2026%2F&delimiter=%2F&encoding-type=url",
            "",
        ),
    ];
    let mut group = criterion.benchmark_group("a head becomes a typed input");
    for (operation, line, more) in requests {
        let request = format!("{line} HTTP/1.1\r\n{SIGNED}{more}\r\n").into_bytes();
        assert_eq!(read_request(&request), Some(operation));
        group.bench_function(operation, |bencher| bencher.iter(|| read_request(&request)));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
