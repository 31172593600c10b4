use bytes::Bytes;
use http::header::CONTENT_TYPE;

use super::*;

fn headers(boundary: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}")).unwrap();
    HeaderMap::from_iter([(CONTENT_TYPE, value)])
}

/// The error code of a form that arrives in pieces of 8 KiB, and how much of it was read.
async fn refused(boundary: &str, form: &[u8]) -> (String, u64) {
    let pieces: Vec<_> = form.chunks(8192).map(Bytes::copy_from_slice).collect();
    let body = IncomingBody::from_pieces(pieces);
    let read = body.bytes_read();
    let code = match PostForm::read(&headers(boundary), body).await {
        Ok(_) => "none".to_owned(),
        Err(reply) => reply.code.to_string(),
    };
    (code, read.get())
}

#[tokio::test]
async fn a_form_that_never_reaches_its_file_is_not_gathered_in_memory() {
    let endless = vec![b'a'; 1 << 20];
    let heads = [
        b"".as_slice(),
        b"--xyz\r\nContent-Disposition: form-data; name=\"",
        b"--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
    ];
    for head in heads {
        let (code, read) = refused("xyz", &[head, &endless].concat()).await;
        assert_eq!(code, "MaxPostPreDataLengthExceededError", "{}", head.escape_ascii());
        assert!(read <= 80 * 1024, "{read} bytes were read");
    }
}

#[tokio::test]
async fn a_file_may_be_longer_than_the_fields_may() {
    let file = vec![b'a'; 1 << 20];
    let form = [
        b"--xyz\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n\
          --xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
            .as_slice(),
        &file,
        b"\r\n--xyz--\r\n",
    ]
    .concat();
    let pieces: Vec<_> = form.chunks(8192).map(Bytes::copy_from_slice).collect();
    let read = PostForm::read(&headers("xyz"), IncomingBody::from_pieces(pieces)).await;
    let mut read = read.unwrap_or_else(|reply| panic!("{reply:?}"));
    let mut bytes = 0;
    while let Some(piece) = strongroom_gate::BodySource::next(&mut read.file).await.unwrap() {
        bytes += piece.len();
    }
    assert_eq!(bytes, file.len());
}

#[tokio::test]
async fn a_boundary_longer_than_mime_allows_is_refused_unread() {
    let (code, read) = refused(&"b".repeat(71), b"--").await;
    assert_eq!((code.as_str(), read), ("MalformedPOSTRequest", 0));
}
