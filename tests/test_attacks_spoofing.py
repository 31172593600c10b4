"""What a request says of itself in headers and parameters decides nothing that it has no say in.

RustFS fc6g (CVE-2026-21862): X-Forwarded-For decided aws:SourceIp. RustFS 6r96: a header named like a condition key replaced
the trusted value. MinIO CVE-2026-34204: X-Minio-Replication-* planted encryption metadata. CVE-2021-41266: an empty token
was a session. Here every such header is sent with every operation, by a stranger and in plaintext, and the record must show
the connection's address, the signer and TLS as they were.
"""

import hashlib

import pytest

import attacks
from harness import UNSIGNED, many_sources, path_and_query, refused

OPERATIONS = attacks.operations()
TARGET = "target-of-spoofing"

#: Headers that a proxy, a peer's node or a condition key might be behind; `{a}` is the owner's account.
SPOOFED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "X-Client-IP": "203.0.113.9",
    "True-Client-IP": "203.0.113.9",
    "CF-Connecting-IP": "203.0.113.9",
    "Forwarded": 'for=203.0.113.9;proto=https;by="owner"',
    "Via": "1.1 owner",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-Client-Cert": "Subject=owner",
    "X-Forwarded-User": "root",
    "X-Remote-User": "root",
    "X-HTTP-Method-Override": "GET",
    "X-Method-Override": "GET",
    "X-Original-URL": "/",
    "X-Rewrite-URL": "/",
    "aws:SourceIp": None,
    "SourceIp": "203.0.113.9",
    "SecureTransport": "true",
    "userid": "{a}",
    "username": "root",
    "principaltype": "Account",
    "PrincipalArn": "arn:aws:iam::{a}:root",
    "PrincipalAccount": "{a}",
    "groups": "administrators",
    "versionid": "null",
    "CurrentTime": "2000-01-01T00:00:00Z",
    "ResourceAccount": "{a}",
    "Cookie": "token=root; session=",
    "X-Strongroom-Account": "{a}",
    "X-Strongroom-Internal": "1",
    "X-Minio-Source-Mtime": "2000-01-01T00:00:00Z",
    "X-Minio-Source-Replication-Request": "true",
    "X-Minio-Internal-Server-Side-Encryption-Iv": "AAAA",
    "X-Rgw-Priority": "1",
    "X-Auth-Token": "root",
}

#: The same among the headers that are signed: the signer may send any, and they mean nothing.
SIGNED = {
    "x-amz-source-account": "{a}",
    "x-amz-source-arn": "arn:aws:s3:::{b}",
    "x-amz-userid": "{a}",
    "x-amz-principal": "arn:aws:iam::{a}:root",
    "x-amz-replication-status": "REPLICA",
    "x-amz-meta-x-amz-acl": "public-read",
    "x-amz-mfa": "123456 000000",
    "x-amz-id-2": "forged",
    "x-amz-request-id": "FORGEDFORGEDFORG",
}


def spoofed(alice, bucket, named=SPOOFED):
    return {
        name: value.replace("{a}", alice.account_id).replace("{b}", bucket)
        for name, value in named.items()
        if value is not None
    }


@pytest.fixture(scope="module")
def target(server, s3):
    s3.create_bucket(Bucket=TARGET)
    s3.put_object(Bucket=TARGET, Key="k", Body=b"precious")
    server.sources = many_sources()
    yield TARGET
    server.sources = None
    assert s3.get_object(Bucket=TARGET, Key="k")["Body"].read() == b"precious"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=TARGET)["Contents"]] == ["k"]


def assert_refused(answer, request):
    if request.operation == "DeleteObjects" and answer.status == 200:
        # Each key has its own decision.
        assert b"<Code>AccessDenied</Code>" in answer.body and b"<Deleted>" not in answer.body
        return
    assert answer.status in (400, 403, 404, 405, 409, 501), (answer.status, answer.body)
    assert b"precious" not in answer.body


@pytest.mark.parametrize("request_", [each for each in OPERATIONS.values() if each.path != "/"], ids=str)
def test_headers_make_nobody_somebody_else(server, alice, bob, target, request_):
    about = request_.about(target)
    headers = spoofed(alice, target)
    unsigned = server.http(about.method, path_and_query(about.path, about.query), about.named() | headers, about.body)
    assert_refused(unsigned, about)
    # S3 says to the owner of another bucket of the same name that it is taken.
    assert_refused(about.send(server, bob, headers=headers, unsigned=headers), about)
    assert_refused(about.send(server, bob, headers=spoofed(alice, target, SIGNED)), about)


@pytest.mark.parametrize("name", [*SPOOFED, *SIGNED])
def test_the_record_shows_what_was_and_not_what_was_said(server, alice, bob, target, name):
    value = {**SPOOFED, **SIGNED}[name]
    headers = spoofed(alice, target, {name: value}) if value else {"X-Aws-SourceIp": "203.0.113.9"}
    unsigned = list(headers) if name in SPOOFED else []
    answer = server.signed(bob, "GET", f"/{target}/k", headers=headers, unsigned=unsigned, plaintext=True)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    (event,) = server.events_of(answer.headers["x-amz-request-id"])
    assert event["sourceIPAddress"].startswith("127.")
    assert event["userIdentity"]["accountId"] == bob.account_id
    assert event["userIdentity"]["arn"] == f"arn:aws:iam::{bob.account_id}:root"
    assert "tlsDetails" not in event
    assert event["requestID"] != "FORGEDFORGEDFORG"


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded-Ssl", "Forwarded", "SecureTransport"])
def test_a_header_makes_no_plaintext_secure(server, alice, s3, target, name):
    """An unsigned payload is for TLS alone, whatever a header says of the way here."""
    headers = spoofed(alice, target, {name: SPOOFED[name]})
    answer = server.signed(
        alice, "PUT", f"/{target}/new", headers=headers, unsigned=headers, body=b"x", payload_hash=UNSIGNED, plaintext=True
    )
    assert answer.status in (400, 403)
    assert refused(s3.head_object, Bucket=target, Key="new") == ("404", 404)


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_is_the_request_lines(server, alice, s3, target, override):
    answer = server.signed(alice, "GET", f"/{target}/k", headers={override: "DELETE"}, unsigned=[override])
    assert answer.body == b"precious"
    answer = server.signed(alice, "GET", f"/{target}/k", [("_method", "DELETE"), ("method", "DELETE")])
    assert answer.body == b"precious"


INTERNAL = [
    "x-amz-version-id",
    "x-amz-delete-marker",
    "x-amz-restore",
    "x-amz-expiration",
    "x-amz-replication-status",
    "x-amz-missing-meta",
    "x-amz-mp-parts-count",
    "x-amz-object-lock-mode",
    "Last-Modified",
    "ETag",
    "Age",
    "Server",
    "X-Minio-Internal-compression",
    "X-Strongroom-Size",
]


@pytest.mark.parametrize("header", INTERNAL)
def test_no_header_of_an_upload_plants_what_the_store_says_itself(server, alice, s3, target, header):
    """CVE-2026-34204: metadata of the store's own came from a client, and the object could not be read again."""
    body = header.encode()
    answer = server.signed(alice, "PUT", f"/{target}/planted", headers={header: "planted"}, body=body)
    try:
        if answer.status == 200:
            shown = server.signed(alice, "HEAD", f"/{target}/planted")
            assert shown.status == 200 and "planted" not in [value for _, value in shown.headers.items()]
            assert shown.headers["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        else:
            assert answer.status in (400, 501), answer.body
    finally:
        s3.delete_object(Bucket=target, Key="planted")
