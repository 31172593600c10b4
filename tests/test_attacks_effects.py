"""A request that fails changes nothing: every operation that writes, refused in every way.

Peers stored the object although they answered 400 (VersityGW), executed what a presigned URL had not signed (MinIO, Ceph
CVE-2026-54330, s3s), skipped the signature of an unsigned trailer (CVE-2025-31489), dropped encryption that was asked for
(VersityGW), and copied without the conditions on the source (RustFS). The requests are made from the SDK's model, so an
operation that comes later is tried as well.
"""

import base64
import dataclasses
import datetime
import hashlib
import socket

import botocore.exceptions
import pytest

import attacks
from harness import (
    STREAMING_SIGNED,
    STREAMING_UNSIGNED_TRAILER,
    UNSIGNED,
    Account,
    ChunkSigner,
    head,
    many_sources,
    path_and_query,
    presign,
    read_answer,
    sign,
    utc_now,
    with_defaults,
)

WRITES = {name: request for name, request in attacks.operations().items() if not request.reads}
PRECIOUS = "precious-of-the-attacks"
OF_NOTHING = base64.b64encode(bytes(16)).decode()


@dataclasses.dataclass
class Range:
    """Who shoots at what."""

    server: object
    alice: object
    bob: object
    s3: object
    control: object
    upload: str
    etag: str

    def aimed(self, name):
        return WRITES[name].about(PRECIOUS).of_upload(self.upload, self.etag)

    def state(self):
        """All that an operation could change."""
        s3, kept = self.s3, {}
        kept["buckets"] = [bucket["Name"] for bucket in s3.list_buckets(Prefix=PRECIOUS)["Buckets"]]
        kept["account"] = told(self.control.get_public_access_block, AccountId=self.alice.account_id)
        for call in (
            s3.list_object_versions,
            s3.list_multipart_uploads,
            s3.get_bucket_acl,
            s3.get_bucket_cors,
            s3.get_bucket_encryption,
            s3.get_bucket_lifecycle_configuration,
            s3.get_bucket_logging,
            s3.get_bucket_notification_configuration,
            s3.get_bucket_ownership_controls,
            s3.get_bucket_policy,
            s3.get_bucket_replication,
            s3.get_bucket_request_payment,
            s3.get_bucket_tagging,
            s3.get_bucket_versioning,
            s3.get_bucket_website,
            s3.get_object_lock_configuration,
            s3.get_public_access_block,
        ):
            kept[call.__name__] = told(call, Bucket=PRECIOUS)
        for call in (s3.get_object, s3.get_object_acl, s3.get_object_tagging, s3.get_object_retention, s3.get_object_legal_hold):
            kept[call.__name__] = told(call, Bucket=PRECIOUS, Key="k")
        kept["parts"] = told(s3.list_parts, Bucket=PRECIOUS, Key="k", UploadId=self.upload)
        return kept


def told(call, **arguments):
    """An answer without what differs from one answer to the next."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    answer.pop("ResponseMetadata")
    if "Body" in answer:
        answer["Body"] = answer["Body"].read()
    return answer


@pytest.fixture(scope="module")
def range_(server, alice, bob, s3):
    # The budget of requests that nobody answers for is not what is tried here.
    server.sources = many_sources()
    yield made(server, alice, bob, s3)
    server.sources = None


def made(server, alice, bob, s3):
    s3.create_bucket(Bucket=PRECIOUS)
    s3.put_bucket_versioning(Bucket=PRECIOUS, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"older", b"precious"):
        s3.put_object(Bucket=PRECIOUS, Key="k", Body=body, Metadata={"kept": "1"}, Tagging="kept=1")
    s3.put_bucket_tagging(Bucket=PRECIOUS, Tagging={"TagSet": [{"Key": "kept", "Value": "1"}]})
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://kept.example"]}
    s3.put_bucket_cors(Bucket=PRECIOUS, CORSConfiguration={"CORSRules": [rule]})
    s3.put_bucket_website(Bucket=PRECIOUS, WebsiteConfiguration={"IndexDocument": {"Suffix": "kept.html"}})
    upload = s3.create_multipart_upload(Bucket=PRECIOUS, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=PRECIOUS, Key="k", UploadId=upload, PartNumber=1, Body=b"part")
    return Range(server, alice, bob, s3, server.client(alice, "s3control", host="s3.localhost"), upload, part["ETag"])


def unsigned(at, request):
    return at.server.http(request.method, path_and_query(request.path, request.query), request.named(), request.body)


def unknown_key(at, request):
    return request.send(at.server, Account(at.alice.account_id, "", "AKIAAAAAAAAAAAAAAAAA", at.alice.secret_key))


def cut_off(at, request):
    """The client goes before the last byte of its body."""
    signed = sign(
        at.alice,
        request.method,
        request.path,
        request.query,
        request.named() | {"Host": at.server.authority(plaintext=True)},
        payload_hash=hashlib.sha256(request.body).hexdigest(),
        region="us-east-1",
    )
    with at.server.connect(plaintext=True) as stream:
        bytes_ = head(request.method, path_and_query(request.path, request.query), with_defaults(signed, request.body, ""))
        stream.sendall(bytes_ + request.body[:-1])
        stream.shutdown(socket.SHUT_WR)
        return read_answer(stream, request.method)


def two_lengths(at, request):
    framing = {"Transfer-Encoding": "chunked", "Content-Length": str(len(request.body))}
    return request.send(at.server, at.alice, headers=framing)


def expired(at, request):
    moment = utc_now() - datetime.timedelta(seconds=30)
    names = request.named() | {"host": at.server.authority()}
    query = presign(at.alice, request.method, request.path, list(request.query), names, region="us-east-1", expires=1, now=moment)
    return at.server.http(request.method, path_and_query(request.path, query), request.named(), request.body)


def added_to_presigned(header, value):
    """MinIO, Ceph CVE-2026-54330, s3s: a URL for an upload became one for a copy, or gave the object away."""

    def shoot(at, request):
        names = request.named() | {"host": at.server.authority()}
        query = presign(at.alice, request.method, request.path, list(request.query), names, region="us-east-1")
        target = path_and_query(request.path, query)
        return at.server.http(request.method, target, [*request.named().items(), (header, value)], request.body)

    return shoot


def wrong_chunk_signature(at, request):
    now = utc_now()
    names = {
        "Host": at.server.authority(),
        "x-amz-content-sha256": STREAMING_SIGNED,
        "x-amz-decoded-content-length": str(len(request.body)),
    }
    signed = sign(at.alice, request.method, request.path, request.query, names, payload_hash=STREAMING_SIGNED, region="us-east-1", now=now)
    signer = ChunkSigner(at.alice, "us-east-1", signed, now)
    body = signer.chunk(bytes(len(request.body))).replace(bytes(len(request.body)), request.body) + signer.end()
    return at.server.http(request.method, path_and_query(request.path, request.query), signed, body)


def trailer(body, **options):
    def shoot(at, request):
        names = {
            "x-amz-content-sha256": STREAMING_UNSIGNED_TRAILER,
            "x-amz-decoded-content-length": str(options.get("length", len(request.body))),
            "x-amz-trailer": "x-amz-checksum-crc32",
        }
        wire = b"%x\r\n%s\r\n" % (len(request.body), request.body) + body
        secret = options.get("secret")
        return request.send(at.server, at.alice, headers=names, body=wire, payload_hash=STREAMING_UNSIGNED_TRAILER, secret=secret)

    return shoot


def adding(**headers):
    """Well signed, with headers that must not be let through."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda at, request: request.send(at.server, at.alice, headers=named)


def always(_):
    return True


def has_body(request):
    return bool(request.body)


def is_document(request):
    return request.body.startswith(b"<")


def is_any(*names):
    return lambda request: request.operation in names


stores = is_any("PutObject", "UploadPart")
sets_metadata = is_any("PutObject", "CopyObject", "CreateMultipartUpload")
guarded = is_any("PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject")
copies = is_any("CopyObject", "UploadPartCopy")
GOOD_CRC = b"0\r\nx-amz-checksum-crc32:%s\r\n\r\n"

#: What goes wrong: for which operations, and how it is brought about.
FAULTS = {
    "nobody": (always, unsigned),
    "a wrong secret": (always, lambda at, it: it.send(at.server, at.alice, secret="wrong")),
    "an unknown key": (always, unknown_key),
    "a stranger": (always, lambda at, it: it.send(at.server, at.bob)),
    "a header that is not signed": (
        always,
        lambda at, it: it.send(at.server, at.alice, headers={"x-amz-meta-added": "1"}, unsigned=["x-amz-meta-added"]),
    ),
    "an old signature": (
        always,
        lambda at, it: it.send(at.server, at.alice, now=utc_now() - datetime.timedelta(minutes=16)),
    ),
    "a URL that has expired": (always, expired),
    "a copy source added to a URL": (always, added_to_presigned("x-amz-copy-source", f"{PRECIOUS}/k")),
    "an ACL added to a URL": (always, added_to_presigned("x-amz-acl", "public-read")),
    "tags added to a URL": (always, added_to_presigned("x-amz-tagging", "a=b")),
    "another region": (always, lambda at, it: it.send(at.server, at.alice, region="eu-central-1")),
    "another owner": (
        lambda it: it.operation != "CreateBucket",
        lambda at, it: it.send(at.server, at.alice, headers={"x-amz-expected-bucket-owner": "999999999999"}),
    ),
    "two lengths": (always, two_lengths),
    "other bytes than were signed": (
        has_body,
        lambda at, it: it.send(at.server, at.alice, payload_hash=hashlib.sha256(b"other").hexdigest()),
    ),
    "another MD5": (
        has_body,
        lambda at, it: it.send(at.server, at.alice, headers={"Content-MD5": OF_NOTHING}),
    ),
    "an MD5 that is none": (
        has_body,
        lambda at, it: it.send(at.server, at.alice, headers={"Content-MD5": "no digest"}),
    ),
    "another checksum": (
        lambda it: it.body and it.operation != "CompleteMultipartUpload",
        lambda at, it: it.send(at.server, at.alice, headers={"x-amz-checksum-crc32": "AAAAAA=="}),
    ),
    "two checksums": (
        lambda it: it.body and it.operation != "CompleteMultipartUpload",
        lambda at, it: it.send(at.server, at.alice, headers={"x-amz-checksum-sha1": "A" * 27 + "=", "x-amz-checksum-crc32c": "AAAAAA=="}),
    ),
    "a body that breaks off": (has_body, cut_off),
    "a document that breaks off": (
        is_document,
        lambda at, it: it.send(
            at.server,
            at.alice,
            body=it.body[:-3],
        ),
    ),
    "a condition that does not hold": (guarded, adding(If_Match='"00000000000000000000000000000000"')),
    "a condition of the source": (copies, adding(x_amz_copy_source_if_match='"0"')),
    "a range beyond the source": (is_any("UploadPartCopy"), adding(x_amz_copy_source_range="bytes=0-99999")),
    "a chunk with another signature": (stores, wrong_chunk_signature),
    "a trailer with another checksum": (stores, trailer(GOOD_CRC % b"AAAAAA==")),
    "a trailer that was announced and does not come": (stores, trailer(b"0\r\n\r\n")),
    "chunks that end early": (stores, trailer(b"")),
    "chunks of another length": (stores, trailer(GOOD_CRC % b"yTZKaw==", length=7)),
    "an unsigned trailer and a wrong secret": (stores, trailer(GOOD_CRC % b"yTZKaw==", secret="wrong")),
    "an unsigned body without TLS": (
        stores,
        lambda at, it: it.send(at.server, at.alice, payload_hash=UNSIGNED, plaintext=True),
    ),
    "too much metadata": (sets_metadata, adding(x_amz_meta_big="x" * 3000)),
    "a storage class that is none": (sets_metadata, adding(x_amz_storage_class="CARDBOARD")),
    "tags that are none": (is_any("PutObject", "CreateMultipartUpload"), adding(x_amz_tagging="a=1&a=2")),
    "a public ACL": (sets_metadata, adding(x_amz_acl="public-read")),
    "an encryption that is none": (sets_metadata, adding(x_amz_server_side_encryption="rot13")),
    "a version to write": (is_any("PutObject"), lambda at, it: it.send(at.server, at.alice, query=[("versionId", "null")])),
    "a directive that is none": (is_any("CopyObject"), adding(x_amz_metadata_directive="GUESS")),
}


def faults_of(name):
    return [fault for fault, (applies, _) in FAULTS.items() if applies(WRITES[name])]


@pytest.fixture(scope="module")
def state(range_):
    return {"is": range_.state()}


@pytest.mark.parametrize("name", WRITES)
def test_requests_that_fail_change_nothing(range_, state, name):
    let_in = {}
    for fault in faults_of(name):
        answer = FAULTS[fault][1](range_, range_.aimed(name))
        each_key_decided = name == "DeleteObjects" and fault in ("a stranger", "nobody")
        if each_key_decided and b"<Code>AccessDenied</Code>" in answer.body and b"<Deleted>" not in answer.body:
            continue
        if not (300 <= answer.status < 500 or answer.status == 501):
            let_in[fault] = (answer.status, answer.body)
    before, state["is"] = state["is"], range_.state()
    assert not let_in
    assert state["is"] == before, "one of the requests above has changed something"


def test_most_operations_are_tried():
    assert len(WRITES) > 50 and sum(len(faults_of(name)) for name in WRITES) > 1000


#: Whose plain form is refused for a reason that is not the signature's: bucket settings that these tests do not have.
REFUSED = {
    "CreateBucket": ("BucketAlreadyOwnedByYou",),
    "DeleteBucket": ("BucketNotEmpty",),
    "PutBucketAcl": ("AccessControlListNotSupported", "AccessDenied"),
    "PutObjectAcl": ("AccessControlListNotSupported", "AccessDenied"),
    # Its model is an older one than that of what replaced it.
    "PutBucketNotification": ("MalformedXML",),
    "PutObjectLegalHold": ("InvalidRequest",),
    "PutObjectRetention": ("InvalidRequest",),
    "RestoreObject": ("InvalidObjectState",),
    "CopyObject": ("InvalidRequest",),
}


@pytest.mark.parametrize("name", WRITES)
def test_the_same_request_without_a_fault_is_let_in(range_, name):
    """The twin of the denials: what was refused above was not refused for how the request was made."""
    bucket = f"{PRECIOUS}-twin"
    s3 = range_.s3
    told(s3.create_bucket, Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"part")
    request = WRITES[name].about(bucket).of_upload(upload, part["ETag"])
    answer = request.send(range_.server, range_.alice)
    assert answer.status in (200, 204, 501) or answer.code in REFUSED.get(name, ()), (answer.status, answer.body)
