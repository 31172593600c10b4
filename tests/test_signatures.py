"""Who may call, and how: signatures, presigned URLs, forms, attacks on them.

Sources: S3 API Reference, "Authenticating Requests (AWS Signature Version 4)"; the attacks are those that other stores
fell to (families: authentication bypass, coverage of the signature, body and trailer).
"""

import base64
import datetime
import hashlib
import hmac
import json

import botocore.config
import boto3
import pytest

from harness import (
    EMPTY_SHA256,
    STREAMING_SIGNED,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED_TRAILER,
    UNSIGNED,
    ChunkSigner,
    Account,
    amz_date,
    path_and_query,
    presign,
    quote,
    refused,
    sign,
    signing_key,
    utc_now,
)

DENIED = (403, "AccessDenied")
MISMATCH = (403, "SignatureDoesNotMatch")
SHA_X = hashlib.sha256(b"x").hexdigest()

#: One request of each kind of operation; `{b}` is a bucket with the object `k`.
OPERATIONS = [
    ("GET", "/", [], {}, b""),
    ("PUT", "/{b}-new", [], {}, b""),
    ("HEAD", "/{b}", [], {}, b""),
    ("DELETE", "/{b}", [], {}, b""),
    ("GET", "/{b}", [("list-type", "2")], {}, b""),
    ("GET", "/{b}", [], {}, b""),
    ("GET", "/{b}", [("versions", None)], {}, b""),
    ("GET", "/{b}", [("uploads", None)], {}, b""),
    ("GET", "/{b}", [("location", None)], {}, b""),
    ("GET", "/{b}", [("acl", None)], {}, b""),
    ("GET", "/{b}", [("policy", None)], {}, b""),
    ("GET", "/{b}", [("tagging", None)], {}, b""),
    ("GET", "/{b}", [("versioning", None)], {}, b""),
    ("GET", "/{b}", [("cors", None)], {}, b""),
    ("GET", "/{b}", [("encryption", None)], {}, b""),
    ("GET", "/{b}", [("publicAccessBlock", None)], {}, b""),
    ("GET", "/{b}", [("ownershipControls", None)], {}, b""),
    ("GET", "/{b}", [("inventory", None)], {}, b""),
    ("PUT", "/{b}", [("versioning", None)], {"Content-MD5": "BODY"}, b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
    ("PUT", "/{b}", [("policy", None)], {"Content-MD5": "BODY"}, b"{}"),
    ("DELETE", "/{b}", [("publicAccessBlock", None)], {}, b""),
    ("DELETE", "/{b}", [("cors", None)], {}, b""),
    ("POST", "/{b}", [("delete", None)], {"Content-MD5": "BODY"}, b"<Delete><Object><Key>k</Key></Object></Delete>"),
    ("GET", "/{b}/k", [], {}, b""),
    ("HEAD", "/{b}/k", [], {}, b""),
    ("GET", "/{b}/k", [], {"If-None-Match": "*"}, b""),
    ("GET", "/{b}/k", [("tagging", None)], {}, b""),
    ("GET", "/{b}/k", [("acl", None)], {}, b""),
    ("GET", "/{b}/k", [("attributes", None)], {"x-amz-object-attributes": "ETag"}, b""),
    ("PUT", "/{b}/k", [], {}, b"attack"),
    ("PUT", "/{b}/k2", [], {"x-amz-copy-source": "/{b}/k"}, b""),
    ("PUT", "/{b}/k", [("tagging", None)], {"Content-MD5": "BODY"}, b"<Tagging><TagSet/></Tagging>"),
    ("DELETE", "/{b}/k", [], {}, b""),
    ("DELETE", "/{b}/k", [("tagging", None)], {}, b""),
    ("POST", "/{b}/k", [("uploads", None)], {}, b""),
    ("PUT", "/{b}/k", [("partNumber", "1"), ("uploadId", "u")], {}, b"attack"),
    ("POST", "/{b}/k", [("uploadId", "u")], {}, b"<CompleteMultipartUpload/>"),
    ("DELETE", "/{b}/k", [("uploadId", "u")], {}, b""),
    ("GET", "/{b}/k", [("uploadId", "u")], {}, b""),
]


def operation_name(operation):
    return f"{operation[0]} {operation[1]}{path_and_query('', operation[2])}{' '.join(operation[3])}"


each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=operation_name)


@pytest.fixture(scope="module")
def target(s3):
    name = "target-of-attacks"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"precious")
    return name


@pytest.fixture(autouse=True)
def unharmed(request, s3):
    """Whatever a test tries, the bucket and its object stay as they were."""
    yield
    if "target" in request.fixturenames:
        assert s3.get_object(Bucket="target-of-attacks", Key="k")["Body"].read() == b"precious"
        assert [o["Key"] for o in s3.list_objects_v2(Bucket="target-of-attacks")["Contents"]] == ["k"]
        assert refused(s3.head_bucket, Bucket="target-of-attacks-new") == ("404", 404)
        assert "Status" not in s3.get_bucket_versioning(Bucket="target-of-attacks")


def of(operation, bucket):
    method, path, query, headers, body = operation
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    headers = {name: value.replace("{b}", bucket).replace("BODY", md5) for name, value in headers.items()}
    return method, path.replace("{b}", bucket), query, headers, body


def attempt(server, account, operation, bucket, **options):
    method, path, query, headers, body = of(operation, bucket)
    return server.signed(account, method, path, query, headers, body, **options)


def assert_denied(answer, method, *codes):
    assert answer.status in (400, 401, 403, 405), (answer.status, answer.body)
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert answer.code in codes, answer.body
    for name in ("ETag", "Last-Modified", "x-amz-version-id"):
        assert name not in answer.headers


@each_operation
def test_nobody_is_let_in(server, target, operation):
    method, path, query, headers, body = of(operation, target)
    answer = server.http(method, path_and_query(path, query), headers, body)
    if b"<Delete" in body:
        # Each key is decided on its own, whoever asks: 200, and an error for each.
        assert (answer.status, answer.code) == (200, "AccessDenied")
        assert b"<Deleted>" not in answer.body
    else:
        assert_denied(answer, method, "AccessDenied", "InvalidRequest")


@each_operation
def test_a_wrong_secret_is_no_signature(server, alice, target, operation):
    assert_denied(attempt(server, alice, operation, target, secret="wrong"), operation[0], "SignatureDoesNotMatch")
    assert_denied(attempt(server, alice, operation, target, secret=""), operation[0], "SignatureDoesNotMatch")


@each_operation
def test_an_unknown_key_is_nobody(server, alice, target, operation):
    ghost = Account(alice.account_id, "", "AKIAAAAAAAAAAAAAAAAA", alice.secret_key)
    assert_denied(attempt(server, ghost, operation, target), operation[0], "InvalidAccessKeyId")


#: What an account may do without owning anything is left out.
@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each[1] not in ("/", "/{b}-new")], ids=operation_name)
def test_another_account_is_denied(server, bob, target, operation):
    answer = attempt(server, bob, operation, target)
    if operation[2] == [("delete", None)]:
        # Each key has its own decision.
        assert answer.status == 200 and b"<Code>AccessDenied</Code>" in answer.body and b"<Deleted>" not in answer.body
        return
    assert_denied(answer, operation[0], "AccessDenied")
    if operation[0] != "HEAD":
        arn = f"arn:aws:iam::{bob.account_id}:root"
        assert answer.message.startswith(f"User: {arn} is not authorized to perform: s3:")
        assert "on resource: " in answer.message and "because no resource-based policy allows the s3:" in answer.message


@each_operation
def test_a_header_that_is_not_signed_is_refused(server, alice, target, operation):
    method, path, query, headers, body = of(operation, target)
    headers |= {"x-amz-meta-sneaked": "1"}
    answer = server.signed(alice, method, path, query, headers, body, unsigned=["x-amz-meta-sneaked"])
    assert_denied(answer, method, "AccessDenied")
    if method != "HEAD":
        assert answer.message == "There were headers present in the request which were not signed"
        assert b"<HeadersNotSigned>x-amz-meta-sneaked</HeadersNotSigned>" in answer.body


@each_operation
def test_what_was_signed_cannot_be_changed(server, alice, target, operation):
    method, path, query, headers, body = of(operation, target)
    signed = sign(alice, method, path, query, headers | {"Host": server.authority()}, payload_hash=hashlib.sha256(body).hexdigest(), region="us-east-1")
    changed = path_and_query(path, [*query, ("x", "1")])
    assert_denied(server.http(method, changed, signed, body), method, "SignatureDoesNotMatch")
    other = {"GET": "DELETE", "HEAD": "DELETE", "PUT": "DELETE", "DELETE": "GET", "POST": "PUT"}[method]
    answer = server.http(other, path_and_query(path, query), signed, body)
    # What is no operation at all is told before anybody is known.
    assert_denied(answer, other, "SignatureDoesNotMatch", "MethodNotAllowed", "InvalidArgument")
    moved = [(name, "elsewhere.s3.localhost" if name == "Host" else value) for name, value in signed]
    answer = server.http(method, path_and_query(path, query), moved, body)
    assert_denied(answer, method, "SignatureDoesNotMatch", "MethodNotAllowed")


@pytest.mark.parametrize("minutes", [-16, 16, -60 * 24, 60 * 24])
def test_a_clock_that_is_wrong_by_more_than_15_minutes_is_refused(server, alice, target, minutes):
    now = utc_now() + datetime.timedelta(minutes=minutes)
    assert server.signed(alice, "GET", f"/{target}/k", now=now).said() == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_that_is_wrong_by_less_is_fine(server, alice, target, minutes):
    now = utc_now() + datetime.timedelta(minutes=minutes)
    assert server.signed(alice, "GET", f"/{target}/k", now=now).status == 200


def test_the_scope_is_checked(server, alice, target):
    answer = server.signed(alice, "GET", f"/{target}/k", region="mars-north-1")
    assert answer.said() == (400, "AuthorizationHeaderMalformed")
    assert b"<Region>us-east-1</Region>" in answer.body
    yesterday = (utc_now() - datetime.timedelta(days=1)).strftime("%Y%m%d")
    assert server.signed(alice, "GET", f"/{target}/k", scope_date=yesterday).status in (400, 403)
    assert server.signed(alice, "GET", f"/{target}/k", terminator="aws5_request").status in (400, 403)
    assert server.signed(alice, "GET", f"/{target}/k", service="kms").status in (400, 403, 404, 501)


def test_the_region_of_the_bucket_must_sign(server, alice, s3, name):
    eu = server.client(alice, region="eu-central-1")
    eu.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    answer = server.signed(alice, "GET", f"/{name}", region="us-east-1")
    assert (answer.status, answer.code) in ((301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed"))
    assert answer.headers["x-amz-bucket-region"] == "eu-central-1"
    answer = server.http("HEAD", f"/{name}")
    assert answer.status in (301, 400, 403)
    assert answer.headers["x-amz-bucket-region"] == "eu-central-1"


def test_an_unsigned_head_tells_the_region(server, target):
    answer = server.http("HEAD", f"/{target}")
    assert (answer.status, answer.body) == (403, b"")
    assert answer.headers["x-amz-bucket-region"] == "us-east-1"


class TestInputs:
    """Duplicate, missing and conflicting authentication inputs."""

    def signed(self, server, alice, target, **options):
        return sign(alice, "GET", f"/{target}/k", [], {"Host": server.authority()}, payload_hash=EMPTY_SHA256, region="us-east-1", **options)

    def test_two_authorization_headers(self, server, alice, target):
        headers = self.signed(server, alice, target)
        headers.append(headers[-1])
        assert server.http("GET", f"/{target}/k", headers).status in (400, 403)

    def test_a_header_and_a_query(self, server, alice, target):
        query = presign(alice, "GET", f"/{target}/k", [], {"host": server.authority()}, region="us-east-1")
        headers = self.signed(server, alice, target)
        answer = server.http("GET", path_and_query(f"/{target}/k", query), headers)
        assert answer.said() == (400, "InvalidArgument")

    @pytest.mark.parametrize("lost", ["x-amz-date", "x-amz-content-sha256"])
    def test_a_missing_header(self, server, alice, target, lost):
        headers = [pair for pair in self.signed(server, alice, target) if pair[0] != lost]
        assert server.http("GET", f"/{target}/k", headers).status in (400, 403)

    @pytest.mark.parametrize("twice", ["x-amz-date", "x-amz-content-sha256"])
    def test_a_doubled_header(self, server, alice, target, twice):
        headers = self.signed(server, alice, target)
        headers += [pair for pair in headers if pair[0] == twice]
        assert server.http("GET", f"/{target}/k", headers).status in (400, 403)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=",
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=00",
            "AWS4-HMAC-SHA256 Signature=00",
            "Bearer x",
            "Basic YTpi",
            "Unknown",
            "AWS4-ECDSA-P256-SHA256 Credential=a/20260101/s3/aws4_request, SignedHeaders=host, Signature=00",
            "AWS4-HMAC-SHA256 " + "Credential=" * 500,
        ],
    )
    def test_an_authorization_that_is_none(self, server, target, text):
        answer = server.http("GET", f"/{target}/k", {"Authorization": text})
        assert answer.status in (400, 403) and b"precious" not in answer.body

    def test_signature_version_2_is_refused_by_name(self, server, alice, target):
        answer = server.http("GET", f"/{target}/k", {"Authorization": f"AWS {alice.access_key}:c2lnbmF0dXJl", "Date": "now"})
        assert answer.said() == (400, "InvalidRequest")
        assert "Please use AWS4-HMAC-SHA256" in answer.message
        query = [("AWSAccessKeyId", alice.access_key), ("Signature", "x"), ("Expires", "2000000000")]
        answer = server.http("GET", path_and_query(f"/{target}/k", query))
        assert answer.said() == (400, "InvalidRequest")
        assert "Please use AWS4-HMAC-SHA256" in answer.message

    def test_the_host_must_be_signed(self, server, alice, target):
        headers = self.signed(server, alice, target, unsigned=["host"])
        assert server.http("GET", f"/{target}/k", headers).status in (400, 403)

    def test_credentials_in_the_query_without_a_signature(self, server, alice, target):
        """CVE-2026-41145: a credential in the query and an unsigned trailer needed no signature."""
        query = [("X-Amz-Credential", f"{alice.access_key}/{utc_now():%Y%m%d}/us-east-1/s3/aws4_request")]
        headers = {"x-amz-content-sha256": STREAMING_UNSIGNED_TRAILER, "x-amz-decoded-content-length": "6", "x-amz-date": amz_date(utc_now()), "x-amz-trailer": "x-amz-checksum-crc32"}
        answer = server.http("PUT", path_and_query(f"/{target}/k", query), headers, b"6\r\nattack\r\n0\r\n\r\n")
        assert answer.status in (400, 403)

    def test_a_form_type_does_not_skip_authentication(self, server, target):
        for path in ("/", f"/{target}", f"/{target}/k"):
            for kind in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
                for method in ("POST", "PUT"):
                    answer = server.http(method, path, {"Content-Type": kind}, b"--x--\r\n")
                    assert 400 <= answer.status < 500, (path, kind, method)


class TestPayload:
    def test_the_hash_of_the_body_is_checked(self, server, alice, s3, bucket):
        answer = server.signed(alice, "PUT", f"/{bucket}/k", body=b"other", payload_hash=SHA_X)
        assert answer.said() == (400, "XAmzContentSHA256Mismatch")
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)

    @pytest.mark.parametrize("value", ["", "zz", "e3b0", "STREAMING-UNKNOWN", "unsigned-payload"])
    def test_a_hash_that_is_none_is_refused(self, server, alice, bucket, value):
        answer = server.signed(alice, "PUT", f"/{bucket}/k", body=b"x", payload_hash=value)
        assert answer.status in (400, 403)

    def test_an_unsigned_payload_is_for_tls_only(self, server, alice, bucket):
        assert server.signed(alice, "PUT", f"/{bucket}/k", body=b"x", payload_hash=UNSIGNED).status == 200
        answer = server.signed(alice, "PUT", f"/{bucket}/k", body=b"x", payload_hash=UNSIGNED, plaintext=True)
        assert answer.status in (400, 403)

    def trailer(self, server, alice, bucket, secret=None, plaintext=False, wire=b"1\r\nx\r\n0\r\nx-amz-checksum-crc32:jNvJFg==\r\n\r\n", length="1", announced="x-amz-checksum-crc32"):
        headers = {"x-amz-content-sha256": STREAMING_UNSIGNED_TRAILER, "x-amz-decoded-content-length": length, "x-amz-trailer": announced, "Content-Encoding": "aws-chunked"}
        return server.signed(alice, "PUT", f"/{bucket}/k", headers=headers, body=wire, payload_hash=STREAMING_UNSIGNED_TRAILER, secret=secret, plaintext=plaintext)

    def test_an_unsigned_trailer_needs_the_right_secret(self, server, alice, s3, bucket):
        """CVE-2025-31489."""
        assert self.trailer(server, alice, bucket, secret="wrong").said() == MISMATCH
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)

    def test_an_unsigned_trailer_is_for_tls_only(self, server, alice, bucket):
        assert self.trailer(server, alice, bucket).status in (200, 400)
        assert self.trailer(server, alice, bucket, plaintext=True).status in (400, 403)

    @pytest.mark.parametrize(
        "wire, length",
        [
            (b"1\r\nx\r\n0\r\n\r\n", "2"),
            (b"2\r\nxx\r\n0\r\n\r\n", "1"),
            (b"1\r\nx\r\n", "1"),
            (b"1\r\nx", "1"),
            (b"zz\r\nx\r\n0\r\n\r\n", "1"),
            (b"ffffffffffffffff\r\nx\r\n0\r\n\r\n", "1"),
            (b"-1\r\nx\r\n0\r\n\r\n", "1"),
            (b"1\nx\n0\n\n", "1"),
            (b"1\r\nx\r\n0\r\nx-amz-checksum-sha1:AAAA\r\n\r\n", "1"),
            (b"1\r\nx\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "1"),
            (b"1\r\nx\r\n0\r\n\r\n", "1"),
            (b"1\r\nx\r\n0\r\nx-amz-checksum-crc32:jNvJFg==\r\n\r\nmore", "1"),
            (b"", "1"),
        ],
    )
    def test_a_broken_stream_stores_nothing(self, server, alice, s3, bucket, wire, length):
        answer = self.trailer(server, alice, bucket, wire=wire, length=length)
        assert 400 <= answer.status < 500, (answer.status, answer.body)
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)

    def signed_stream(self, server, alice, bucket, change=lambda wire: wire, trailers=None, plaintext=True):
        now = utc_now()
        mode = STREAMING_SIGNED_TRAILER if trailers else STREAMING_SIGNED
        data = [b"a" * 65536, b"b" * 100]
        headers = {"Host": server.authority(plaintext), "x-amz-decoded-content-length": str(sum(map(len, data))), "Content-Encoding": "aws-chunked"}
        if trailers:
            headers["x-amz-trailer"] = ",".join(trailers)
        signed = sign(alice, "PUT", f"/{bucket}/k", [], headers, payload_hash=mode, region="us-east-1", now=now)
        chunks = ChunkSigner(alice, "us-east-1", signed, now)
        wire = change(b"".join(chunks.chunk(each) for each in data) + chunks.end(trailers))
        return server.http("PUT", f"/{bucket}/k", signed, wire, plaintext=plaintext), b"".join(data)

    def test_a_signed_stream_is_stored(self, server, alice, s3, bucket):
        answer, data = self.signed_stream(server, alice, bucket)
        assert answer.status == 200, answer.body
        got = s3.get_object(Bucket=bucket, Key="k")
        assert got["Body"].read() == data
        assert "ContentEncoding" not in got

    def test_a_signed_stream_with_a_signed_trailer_is_stored(self, server, alice, s3, bucket):
        data = b"a" * 65536 + b"b" * 100
        trailers = {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(data).digest()).decode()}
        answer, _ = self.signed_stream(server, alice, bucket, trailers=trailers)
        assert answer.status == 200, answer.body
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data

    @pytest.mark.parametrize(
        "change",
        [
            lambda wire: wire.replace(b"b" * 100, b"c" * 100),
            lambda wire: wire.replace(b"chunk-signature=", b"chunk-signature=0", 1)[:-1],
            lambda wire: wire.replace(b";chunk-signature=", b";x=", 1),
            lambda wire: wire[:65_000],
            lambda wire: wire[: wire.rindex(b"0;chunk")],
        ],
        ids=["data", "signature", "no signature", "cut", "no end"],
    )
    def test_a_changed_stream_stores_nothing(self, server, alice, s3, bucket, change):
        answer, _ = self.signed_stream(server, alice, bucket, change)
        assert 400 <= answer.status < 500
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)

    def test_a_changed_trailer_stores_nothing(self, server, alice, s3, bucket):
        data = b"a" * 65536 + b"b" * 100
        good = base64.b64encode(hashlib.sha256(data).digest())
        trailers = {"x-amz-checksum-sha256": good.decode()}
        other = base64.b64encode(hashlib.sha256(b"other").digest())
        answer, _ = self.signed_stream(server, alice, bucket, lambda wire: wire.replace(good, other), trailers)
        assert 400 <= answer.status < 500
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


class TestPresigned:
    @pytest.mark.smoke
    @pytest.mark.parametrize("plaintext", [False, True])
    @pytest.mark.parametrize("style", ["path", "virtual"])
    def test_urls_of_boto3_work_on_both_listeners(self, server, alice, s3, bucket, style, plaintext):
        client = server.client(alice, style=style, plaintext=plaintext)
        for operation, method, body in (("put_object", "PUT", b"up"), ("get_object", "GET", b""), ("head_object", "HEAD", b""), ("delete_object", "DELETE", b"")):
            url = client.generate_presigned_url(operation, {"Bucket": bucket, "Key": "a b/ü"})
            scheme, rest = url.split("://")
            authority, target = rest.split("/", 1)
            answer = server.http(method, "/" + target, {"Host": authority}, body, plaintext=plaintext)
            assert answer.status in (200, 204), answer.body
            if method == "GET":
                assert answer.body == b"up"
        assert refused(s3.head_object, Bucket=bucket, Key="a b/ü") == ("404", 404)

    def get(self, server, alice, target, method="GET", headers=(), body=b"", change=lambda query: query, **options):
        signed = {"host": server.authority()}
        query = presign(alice, method, f"/{target}/k", [], signed, region="us-east-1", **options)
        return server.http(method, path_and_query(f"/{target}/k", change(query)), dict(headers), body)

    def test_it_is_good_for_its_time(self, server, alice, target):
        assert self.get(server, alice, target).status == 200
        old = utc_now() - datetime.timedelta(seconds=400)
        answer = self.get(server, alice, target, now=old)
        assert answer.said() == DENIED and answer.message == "Request has expired"
        assert self.get(server, alice, target, now=old, expires=3600).status == 200

    @pytest.mark.parametrize("expires", [604_801, 0, -1, "x", 99999999999999999999])
    def test_a_time_outside_a_week_is_refused(self, server, alice, target, expires):
        assert self.get(server, alice, target, expires=expires).status in (400, 403)

    def test_one_from_the_future_is_refused(self, server, alice, target):
        future = utc_now() + datetime.timedelta(minutes=20)
        assert self.get(server, alice, target, now=future).status == 403

    @pytest.mark.parametrize(
        "parameter", ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"]
    )
    def test_each_parameter_is_needed_once(self, server, alice, target, parameter):
        lost = self.get(server, alice, target, change=lambda query: [pair for pair in query if pair[0] != parameter])
        assert lost.status in (400, 403) and b"precious" not in lost.body
        twice = self.get(server, alice, target, change=lambda query: [*query, *[pair for pair in query if pair[0] == parameter]])
        assert twice.status in (400, 403) and b"precious" not in twice.body

    def test_nothing_may_be_added(self, server, alice, target):
        assert self.get(server, alice, target, change=lambda query: [*query, ("versionId", "null")]).said() == MISMATCH

    @pytest.mark.parametrize(
        "header",
        [
            {"x-amz-copy-source": "/target-of-attacks/k"},
            {"x-amz-acl": "public-read"},
            {"x-amz-tagging": "a=1"},
            {"x-amz-meta-a": "1"},
            {"x-amz-storage-class": "GLACIER"},
            {"x-amz-website-redirect-location": "/x"},
            {"x-amz-server-side-encryption": "AES256"},
        ],
        ids=lambda header: next(iter(header)),
    )
    def test_a_header_that_is_not_signed_does_nothing(self, server, alice, s3, bucket, header):
        """CVE-2026-54330 and its kin: unsigned headers beside a presigned PUT."""
        answer = self.get(server, alice, bucket, "PUT", header, b"x")
        assert answer.said() == DENIED
        assert answer.message == "There were headers present in the request which were not signed"
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)

    def test_a_url_for_one_method_is_not_for_another(self, server, alice, target):
        query = presign(alice, "GET", f"/{target}/k", [], {"host": server.authority()}, region="us-east-1")
        for method in ("PUT", "DELETE", "POST", "HEAD"):
            answer = server.http(method, path_and_query(f"/{target}/k", query), {}, b"")
            # POST without parameters is nothing that could be asked of an object.
            assert answer.status == (405 if method == "POST" else 403), method


class TestForms:
    """Source: S3 API Reference, "Browser-Based Uploads Using POST"."""

    def fields(self, server, account, bucket, conditions, fields, expires=300, region="us-east-1", secret=None):
        now = utc_now()
        date = now.strftime("%Y%m%d")
        credential = f"{account.access_key}/{date}/{region}/s3/aws4_request"
        fixed = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": amz_date(now)}
        policy = {
            "expiration": (now + datetime.timedelta(seconds=expires)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "conditions": [*conditions, *({name: value} for name, value in fixed.items())],
        }
        text = base64.b64encode(json.dumps(policy).encode()).decode()
        signature = hmac.new(signing_key(secret or account.secret_key, date, region, "s3"), text.encode(), hashlib.sha256).hexdigest()
        return {**fields, **fixed, "policy": text, "x-amz-signature": signature}

    def post(self, server, bucket, fields, body=b"form body", filename="my file.txt", path=None):
        boundary = "----boundary7"
        lines = []
        for name, value in fields.items():
            lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
        lines.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            f"Content-Type: text/plain\r\n\r\n".encode() + body + f"\r\n--{boundary}--\r\n".encode()
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return server.http("POST", path or f"/{bucket}", headers, b"".join(lines))

    @pytest.mark.smoke
    def test_a_form_of_boto3_is_stored(self, server, s3, bucket):
        made = s3.generate_presigned_post(bucket, "up/${filename}", Fields={"x-amz-meta-a": "1"}, Conditions=[{"x-amz-meta-a": "1"}, ["starts-with", "$key", "up/"]])
        answer = self.post(server, bucket, made["fields"])
        assert answer.status == 204, answer.body
        got = s3.get_object(Bucket=bucket, Key="up/my file.txt")
        assert (got["Body"].read(), got["Metadata"]) == (b"form body", {"a": "1"})
        assert answer.headers["ETag"] == got["ETag"]
        assert "up/my%20file.txt" in answer.headers["Location"]

    def base(self, bucket):
        return [{"bucket": bucket}, ["starts-with", "$key", ""]]

    @pytest.mark.parametrize("status", ["200", "201", "204", "999"])
    def test_the_status_asked_for_is_answered(self, server, alice, bucket, status):
        fields = self.fields(server, alice, bucket, [*self.base(bucket), {"success_action_status": status}], {"key": "k", "success_action_status": status})
        answer = self.post(server, bucket, fields)
        assert answer.status == int(status if status != "999" else 204)
        if status == "201":
            assert b"<PostResponse>" in answer.body and b"<Key>k</Key>" in answer.body and b"<ETag>" in answer.body

    def test_a_redirect_is_answered(self, server, alice, bucket):
        where = "https://example.com/done?x=1"
        fields = self.fields(server, alice, bucket, [*self.base(bucket), {"success_action_redirect": where}], {"key": "k", "success_action_redirect": where})
        answer = self.post(server, bucket, fields)
        assert answer.status == 303
        assert answer.headers["Location"].startswith(where + "&bucket=")
        assert "key=k" in answer.headers["Location"] and "etag=" in answer.headers["Location"]

    @pytest.mark.parametrize(
        "field, value",
        [
            ("acl", "public-read"),
            ("tagging", "<Tagging/>"),
            ("x-amz-meta-a", "1"),
            ("Content-Type", "text/html"),
            ("x-amz-storage-class", "STANDARD_IA"),
            ("x-amz-website-redirect-location", "/x"),
            ("success_action_redirect", "https://evil.test/"),
            ("success_action_status", "201"),
            ("Cache-Control", "no-store"),
            ("x-amz-server-side-encryption", "AES256"),
            ("made-up", "1"),
        ],
    )
    def test_a_field_that_no_condition_covers_is_refused(self, server, alice, s3, bucket, field, value):
        fields = self.fields(server, alice, bucket, self.base(bucket), {"key": "k", field: value})
        answer = self.post(server, bucket, fields)
        assert answer.said() == DENIED, answer.body
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)

    def test_a_field_to_ignore_is_ignored(self, server, alice, bucket):
        fields = self.fields(server, alice, bucket, self.base(bucket), {"key": "k", "x-ignore-this": "1"})
        assert self.post(server, bucket, fields).status == 204

    @pytest.mark.parametrize(
        "conditions, fields",
        [
            ([["starts-with", "$key", "up/"]], {"key": "down/k"}),
            ([["eq", "$key", "k"]], {"key": "K"}),
            ([{"key": "other"}], {"key": "k"}),
            ([["starts-with", "$key", ""], ["content-length-range", 100, 200]], {"key": "k"}),
            ([["starts-with", "$key", ""], ["content-length-range", 0, 2]], {"key": "k"}),
            ([["starts-with", "$key", ""], {"x-amz-meta-needed": "1"}], {"key": "k"}),
            ([["starts-with", "$key", ""], ["starts-with", "$Content-Type", "image/"]], {"key": "k", "Content-Type": "text/html"}),
        ],
    )
    def test_a_condition_that_does_not_hold_refuses(self, server, alice, s3, bucket, conditions, fields):
        made = self.fields(server, alice, bucket, [{"bucket": bucket}, *conditions], fields)
        answer = self.post(server, bucket, made)
        assert answer.said() in (DENIED, (400, "EntityTooLarge"), (400, "EntityTooSmall")), answer.body
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)

    def test_the_bucket_must_be_the_policys(self, server, alice, s3, bucket):
        s3.create_bucket(Bucket=bucket + "-other")
        fields = self.fields(server, alice, bucket, self.base(bucket), {"key": "k"})
        assert self.post(server, bucket, fields, path=f"/{bucket}-other").said() == DENIED
        without = self.fields(server, alice, bucket, [["starts-with", "$key", ""]], {"key": "k"})
        assert self.post(server, bucket, without).said() == DENIED

    def test_expiry_signature_and_presence_are_checked(self, server, alice, bob, s3, bucket):
        fields = self.fields(server, alice, bucket, self.base(bucket), {"key": "k"}, expires=-10)
        assert self.post(server, bucket, fields).said() == DENIED
        fields = self.fields(server, alice, bucket, self.base(bucket), {"key": "k"}, secret="wrong")
        assert self.post(server, bucket, fields).said() == MISMATCH
        fields = self.fields(server, bob, bucket, self.base(bucket), {"key": "k"})
        assert self.post(server, bucket, fields).said() == DENIED
        fields = self.fields(server, alice, bucket, self.base(bucket), {"key": "k"})
        for lost in ("policy", "x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm", "key"):
            answer = self.post(server, bucket, {name: value for name, value in fields.items() if name != lost})
            assert answer.status in (400, 403), lost
        assert self.post(server, bucket, {"key": "k"}).status in (400, 403)
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)

    def test_a_date_that_is_not_the_credentials_is_refused(self, server, alice, s3, bucket):
        fields = self.fields(server, alice, bucket, [*self.base(bucket), ["starts-with", "$x-amz-date", ""]], {"key": "k"})
        fields["x-amz-date"] = "20200101T000000Z"
        assert self.post(server, bucket, fields).status in (400, 403)


def test_boto3_without_s3v4_is_told_what_to_do(server, alice, bucket):
    """In us-east-1 boto3 presigns with SigV2 unless it is configured."""
    client = boto3.session.Session(aws_access_key_id=alice.access_key, aws_secret_access_key=alice.secret_key, region_name="us-east-1").client(
        "s3", endpoint_url=server.endpoint(), verify=server.ca, config=botocore.config.Config(signature_version="s3", s3={"addressing_style": "path"})
    )
    url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    answer = server.http("GET", "/" + url.split("/", 3)[3])
    assert answer.said() == (400, "InvalidRequest") and "AWS4-HMAC-SHA256" in answer.message


@pytest.mark.parametrize(
    "path",
    ["/..", "/../etc/passwd", "/{b}/../../data/keys", "/.strongroom/keys", "/keys", "/{b}-other/../{b}/k", "/%2e%2e/%2e%2e/keys", "/{b}%2fk", "/-/live"],
)
def test_a_path_stays_in_its_bucket(server, alice, target, path):
    answer = server.signed(alice, "GET", path.replace("{b}", target).replace("%2e", ".").replace("%2f", "/") if "%" in path else path.replace("{b}", target))
    assert answer.status in (200, 400, 403, 404)
    if answer.status == 200:
        assert answer.body == b"precious"
