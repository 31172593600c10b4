"""Objects, by boto3. Source: Amazon S3 API Reference, each operation's page."""

import base64
import datetime
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from email.header import decode_header, make_header

import pytest

from harness import MIB, UNSIGNED, failure, refused, sign


@pytest.mark.smoke
@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3 * MIB + 17])
def test_bytes_come_back_as_they_went_in(s3, bucket, size):
    body = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ServerSideEncryption"] == "AES256"
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert got["ContentLength"] == size
    assert got["ETag"] == put["ETag"]
    assert got["AcceptRanges"] == "bytes"
    assert got["ServerSideEncryption"] == "AES256"
    assert abs(got["LastModified"] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=2)
    head = s3.head_object(Bucket=bucket, Key="k")
    for member in ("ContentLength", "ETag", "LastModified"):
        assert head[member] == got[member]


def test_objects_are_reached_by_host_name_and_over_plaintext(s3, s3_virtual, s3_plain, bucket):
    s3_virtual.put_object(Bucket=bucket, Key="a/b", Body=b"virtual")
    assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"virtual"
    s3_plain.put_object(Bucket=bucket, Key="p", Body=b"plain")
    assert s3_virtual.get_object(Bucket=bucket, Key="p")["Body"].read() == b"plain"
    assert [o["Key"] for o in s3_virtual.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/b", "p"]


def test_an_overwritten_object_is_the_last_one(s3, bucket):
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_what_is_not_there_says_which_part_is_missing(s3, bucket):
    assert refused(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refused(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert refused(s3.get_object, Bucket=bucket + "-none", Key="none") == ("NoSuchBucket", 404)
    assert refused(s3.put_object, Bucket=bucket + "-none", Key="k", Body=b"x") == ("NoSuchBucket", 404)
    assert refused(s3.get_object, Bucket=bucket, Key="none", VersionId="null")[0] in ("NoSuchKey", "NoSuchVersion")
    assert s3.delete_object(Bucket=bucket, Key="none")["ResponseMetadata"]["HTTPStatusCode"] == 204


KEYS = [
    "simple",
    "../up",
    "a/../b",
    "..",
    ".",
    "./x",
    "//",
    "/leading",
    "trailing/",
    "a//b",
    "a\\b",
    "C:\\x",
    "per%20cent%2F",
    "plus+space here",
    "ümläut/日本語/🔒",
    "question?mark&amp;=#fragment",
    "quote\"'<>&",
    "tab\there",
    "bell\x07",
    "new\nline",
    "carriage\rreturn",
    "null\x00byte",
    "\x7f",
    "\u00a0\u200b\u202e",
    "e\u0301",
    "\u00e9",
    "x" * 1024,
    "ä" * 512,
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[1:25])
def test_a_key_is_plain_bytes(server, alice, s3, s3_virtual, bucket, key):
    answer = server.signed(alice, "PUT", f"/{bucket}/{key}", body=key.encode())
    assert answer.status == 200, answer.body
    answer = server.signed(alice, "GET", f"/{bucket}/{key}")
    assert (answer.status, answer.body) == (200, key.encode())
    answer = server.signed(alice, "GET", f"/{key}", host=f"{bucket}.s3.localhost")
    assert (answer.status, answer.body) == (200, key.encode())
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [o["Key"] for o in listed] == [key]
    assert server.signed(alice, "DELETE", f"/{bucket}/{key}").status == 204
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("key", ["x" * 1025, "ä" * 512 + "x"])
def test_a_key_of_more_than_1024_bytes_is_refused(s3, bucket, key):
    assert refused(s3.put_object, Bucket=bucket, Key=key, Body=b"") == ("KeyTooLongError", 400)


def test_a_key_that_is_not_utf_8_is_refused(server, alice, bucket):
    target = f"/{bucket}/%FF%FE"
    headers = sign(alice, "PUT", f"/{bucket}/".encode() + b"\xff\xfe", [], {"Host": server.authority()}, payload_hash=UNSIGNED, region="us-east-1")
    answer = server.http("PUT", target, headers, b"x")
    assert answer.status == 400 and answer.code in ("InvalidURI", "InvalidArgument")


def test_metadata_and_headers_come_back(s3, bucket):
    given = {
        "CacheControl": "no-store",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "text/plain; charset=utf-8",
        "Expires": datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc),
        "Metadata": {"a": "1", "mixed-case": "Value  with  spaces"},
        "StorageClass": "STANDARD_IA",
        "WebsiteRedirectLocation": "/elsewhere",
    }
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **given)
    for call in (s3.head_object, s3.get_object):
        got = call(Bucket=bucket, Key="k")
        for member in ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "StorageClass", "WebsiteRedirectLocation"):
            assert got[member] == given[member], member
        assert got["ExpiresString"] == "Tue, 01 Jan 2030 00:00:00 GMT"
        assert got["Metadata"].keys() == given["Metadata"].keys()
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == "STANDARD_IA"


def test_an_object_without_a_type_is_binary(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.head_object(Bucket=bucket, Key="k")
    assert got["ContentType"] == "binary/octet-stream"
    assert "StorageClass" not in got


def test_metadata_beyond_ascii_comes_back_in_rfc_2047_form(server, alice, bucket):
    raw = "Grüße 日本"
    headers = {"x-amz-meta-greeting": raw}
    answer = server.signed(alice, "PUT", f"/{bucket}/k", headers=headers, body=b"x")
    assert answer.status == 200, answer.body
    got = server.signed(alice, "HEAD", f"/{bucket}/k").headers["x-amz-meta-greeting"]
    assert got.isascii()
    assert got.upper().startswith("=?UTF-8?")
    assert str(make_header(decode_header(got))) == raw


def test_metadata_of_more_than_2_kib_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"a": "x" * 2047})
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata={"a": "x" * 2048}) == ("MetadataTooLarge", 400)


def test_an_unknown_storage_class_is_refused(server, alice, bucket):
    answer = server.signed(alice, "PUT", f"/{bucket}/k", headers={"x-amz-storage-class": "COLD"}, body=b"x")
    assert answer.said() == (400, "InvalidStorageClass")


def test_aws_chunked_is_no_part_of_the_stored_encoding(server, alice, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentEncoding="gzip", ChecksumAlgorithm="CRC32")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"
    s3.put_object(Bucket=bucket, Key="n", Body=b"x", ChecksumAlgorithm="CRC32")
    assert "ContentEncoding" not in s3.head_object(Bucket=bucket, Key="n")


BODY = bytes(range(256)) * 1024


@pytest.mark.parametrize(
    "wanted, start, end",
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=65530-65545", 65530, 65545),
        ("bytes=100-", 100, len(BODY) - 1),
        ("bytes=-5", len(BODY) - 5, len(BODY) - 1),
        ("bytes=0-99999999", 0, len(BODY) - 1),
        ("bytes=-99999999", 0, len(BODY) - 1),
    ],
)
def test_a_range_is_answered_with_206(s3, bucket, wanted, start, end):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    got = s3.get_object(Bucket=bucket, Key="k", Range=wanted)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {start}-{end}/{len(BODY)}"
    assert got["Body"].read() == BODY[start : end + 1]
    head = s3.head_object(Bucket=bucket, Key="k", Range=wanted)
    assert head["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert head["ContentLength"] == end - start + 1


@pytest.mark.parametrize("wanted", [f"bytes={len(BODY)}-", "bytes=-0"])
def test_a_range_outside_the_object_is_416(server, alice, s3, bucket, wanted):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    answer = failure(s3.get_object, Bucket=bucket, Key="k", Range=wanted)
    assert answer["Error"]["Code"] == "InvalidRange"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 416
    assert answer["Error"]["ActualObjectSize"] == str(len(BODY))


@pytest.mark.parametrize("wanted", ["bytes=5-2", "chars=0-1", "bytes=a-b", "bytes=0-1,3-4"])
def test_a_range_that_is_none_gives_the_whole_object(s3, bucket, wanted):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    got = s3.get_object(Bucket=bucket, Key="k", Range=wanted)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == BODY


def test_part_number_1_is_the_whole_of_a_simple_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"abc")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == b"abc"
    assert refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=2) == ("InvalidPartNumber", 416)
    assert refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-0")[1] == 400


class TestConditionsOfReads:
    """RFC 9110, section 13.2.2."""

    @pytest.fixture
    def stored(self, s3, bucket):
        put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
        return bucket, put["ETag"], modified

    @pytest.mark.parametrize("operation", ["get_object", "head_object"])
    def test_if_match(self, s3, stored, operation):
        bucket, etag, _ = stored
        call = getattr(s3, operation)
        assert call(Bucket=bucket, Key="k", IfMatch=etag)["ETag"] == etag
        assert call(Bucket=bucket, Key="k", IfMatch="*")["ETag"] == etag
        assert call(Bucket=bucket, Key="k", IfMatch=f'"other", {etag}')["ETag"] == etag
        code = "PreconditionFailed" if operation == "get_object" else "412"
        assert refused(call, Bucket=bucket, Key="k", IfMatch='"other"') == (code, 412)

    def test_if_none_match(self, s3, stored):
        bucket, etag, _ = stored
        assert s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"')["ETag"] == etag
        answer = failure(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 304
        assert answer["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag

    def test_dates(self, s3, stored):
        bucket, etag, modified = stored
        hour = datetime.timedelta(hours=1)
        assert s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=modified - hour)["ETag"] == etag
        assert failure(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=modified)["ResponseMetadata"]["HTTPStatusCode"] == 304
        assert s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=modified)["ETag"] == etag
        assert refused(s3.get_object, Bucket=bucket, Key="k", IfUnmodifiedSince=modified - hour) == ("PreconditionFailed", 412)

    def test_an_etag_goes_before_a_date(self, s3, stored):
        bucket, etag, modified = stored
        hour = datetime.timedelta(hours=1)
        got = s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=modified - hour)
        assert got["ETag"] == etag
        answer = failure(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag, IfModifiedSince=modified - hour)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 304
        got = s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"', IfModifiedSince=modified)
        assert got["ETag"] == etag

    def test_a_condition_on_nothing_is_404(self, s3, stored):
        bucket, etag, _ = stored
        assert refused(s3.get_object, Bucket=bucket, Key="none", IfMatch=etag) == ("NoSuchKey", 404)


class TestConditionsOfWrites:
    def test_if_none_match_star_makes_an_object_once(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"

    def test_if_match_replaces_what_was_read(self, s3, bucket):
        etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfMatch='"other"') == ("PreconditionFailed", 412)
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
        assert refused(s3.put_object, Bucket=bucket, Key="none", Body=b"2", IfMatch=etag) == ("NoSuchKey", 404)

    def test_if_match_guards_a_delete(self, s3, bucket):
        etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
        assert refused(s3.delete_object, Bucket=bucket, Key="k", IfMatch='"other"') == ("PreconditionFailed", 412)
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)

    def test_conditions_guard_a_copy(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="from", Body=b"1")
        source = {"Bucket": bucket, "Key": "from"}
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, IfNoneMatch="*")
        assert refused(s3.copy_object, Bucket=bucket, Key="to", CopySource=source, IfNoneMatch="*") == ("PreconditionFailed", 412)

    def test_only_star_is_known_to_if_none_match(self, s3, bucket):
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"1", IfNoneMatch='"etag"') == ("NotImplemented", 501)

    def test_of_racing_writers_one_wins(self, s3, bucket):
        def attempt(number):
            try:
                s3.put_object(Bucket=bucket, Key="race", Body=str(number).encode() * 1000, IfNoneMatch="*")
                return number
            except s3.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict")
                return None

        with ThreadPoolExecutor(16) as pool:
            winners = [number for number in pool.map(attempt, range(16)) if number is not None]
        assert len(winners) == 1
        assert s3.get_object(Bucket=bucket, Key="race")["Body"].read() == str(winners[0]).encode() * 1000


def test_response_headers_are_overridden_for_signed_requests(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    wanted = {
        "ResponseContentType": "text/x-a",
        "ResponseCacheControl": "max-age=1",
        "ResponseContentDisposition": "inline",
        "ResponseContentEncoding": "x-e",
        "ResponseContentLanguage": "fr",
    }
    got = s3.get_object(Bucket=bucket, Key="k", **wanted)
    for member, value in wanted.items():
        assert got[member.removeprefix("Response")] == value
    answer = server.http("GET", f"/{bucket}/k?response-content-type=text/html")
    assert answer.status in (400, 403)


def test_a_header_override_cannot_add_headers(server, alice, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = server.signed(alice, "GET", f"/{bucket}/k", query=[("response-content-type", "a\r\nX-Injected: 1")])
    assert "X-Injected" not in answer.headers


def test_content_md5_is_checked(s3, bucket):
    good = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=good)
    bad = base64.b64encode(hashlib.md5(b"y").digest()).decode()
    assert refused(s3.put_object, Bucket=bucket, Key="none", Body=b"x", ContentMD5=bad) == ("BadDigest", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="none", Body=b"x", ContentMD5="c2hvcnQ=") == ("InvalidDigest", 400)
    assert refused(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)


class TestCopy:
    def test_a_copy_has_the_bytes_and_metadata_of_its_source(self, s3, bucket):
        body = os.urandom(200_000)
        s3.put_object(Bucket=bucket, Key="from/ü +%", Body=body, ContentType="text/a", Metadata={"a": "1"}, Tagging="t=1")
        copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from/ü +%"})
        assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        got = s3.get_object(Bucket=bucket, Key="to")
        assert got["Body"].read() == body
        assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("text/a", {"a": "1"}, 1)

    def test_directives_replace_metadata_and_tags(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/a", Metadata={"a": "1"}, Tagging="t=1")
        s3.copy_object(
            Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "k"}, MetadataDirective="REPLACE",
            Metadata={"b": "2"}, TaggingDirective="REPLACE", Tagging="u=2&v=3",
        )
        got = s3.head_object(Bucket=bucket, Key="to")
        assert got["Metadata"] == {"b": "2"}
        assert got["ContentType"] == "binary/octet-stream"
        tags = s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"]
        assert tags == [{"Key": "u", "Value": "2"}, {"Key": "v", "Value": "3"}]

    def test_onto_itself_something_must_change(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "1"})
        source = {"Bucket": bucket, "Key": "k"}
        assert refused(s3.copy_object, Bucket=bucket, Key="k", CopySource=source) == ("InvalidRequest", 400)
        s3.copy_object(Bucket=bucket, Key="k", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"})
        got = s3.get_object(Bucket=bucket, Key="k")
        assert (got["Metadata"], got["Body"].read()) == ({"b": "2"}, b"x")
        s3.copy_object(Bucket=bucket, Key="k", CopySource=source, StorageClass="STANDARD_IA")
        assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "STANDARD_IA"

    def test_conditions_are_on_the_source(self, s3, bucket):
        etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
        source = {"Bucket": bucket, "Key": "k"}
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch=etag)
        for condition in ({"CopySourceIfMatch": '"o"'}, {"CopySourceIfNoneMatch": etag}):
            assert refused(s3.copy_object, Bucket=bucket, Key="to", CopySource=source, **condition) == ("PreconditionFailed", 412)

    def test_a_missing_source_is_named(self, s3, bucket):
        assert refused(s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/none") == ("NoSuchKey", 404)
        assert refused(s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}-none/k") == ("NoSuchBucket", 404)
        assert refused(s3.copy_object, Bucket=bucket, Key="to", CopySource="x") == ("InvalidArgument", 400)

    def test_a_version_can_be_the_source(self, s3, versioned):
        first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
        s3.put_object(Bucket=versioned, Key="k", Body=b"2")
        copied = s3.copy_object(Bucket=versioned, Key="to", CopySource={"Bucket": versioned, "Key": "k", "VersionId": first})
        assert copied["CopySourceVersionId"] == first
        assert s3.get_object(Bucket=versioned, Key="to")["Body"].read() == b"1"

    @pytest.mark.parametrize("source", ["{b}/../{b}-x/k", "/../{b}/k", "{b}/..%2fk"])
    def test_dots_in_a_source_are_plain_bytes(self, s3, bucket, source):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        code, _ = refused(s3.copy_object, Bucket=bucket, Key="to", CopySource=source.format(b=bucket))
        assert code in ("NoSuchKey", "NoSuchBucket", "InvalidBucketName", "InvalidArgument")


class TestTagging:
    def test_tags_come_with_the_object_or_later(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=%C3%BC+x")
        assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "ü x"}]
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
        assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "c", "Value": ""}]
        assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 1
        assert s3.delete_object_tagging(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []

    @pytest.mark.parametrize(
        "tags, code",
        [
            ([{"Key": f"k{i}", "Value": "v"} for i in range(11)], "BadRequest"),
            ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "InvalidTag"),
            ([{"Key": "k" * 129, "Value": "v"}], "InvalidTag"),
            ([{"Key": "k", "Value": "v" * 257}], "InvalidTag"),
            ([{"Key": "aws:x", "Value": "v"}], "InvalidTag"),
        ],
    )
    def test_limits(self, s3, bucket, tags, code):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": tags}) == (code, 400)
        assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []

    def test_of_nothing(self, s3, bucket):
        assert refused(s3.get_object_tagging, Bucket=bucket, Key="none") == ("NoSuchKey", 404)


class TestDeleteObjects:
    def test_each_key_has_its_answer(self, s3, bucket):
        keys = [f"k{i}" for i in range(20)] + ["ü<&>\n"]
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in [*keys, "never"]]})
        assert sorted(d["Key"] for d in answer["Deleted"]) == sorted([*keys, "never"])
        assert "Errors" not in answer
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0

    def test_quiet_tells_errors_only(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        answer = s3.delete_objects(Bucket=bucket, Delete={"Quiet": True, "Objects": [{"Key": "k"}, {"Key": "x", "VersionId": "nonsense"}]})
        assert "Deleted" not in answer
        assert [(e["Key"], e["Code"]) for e in answer.get("Errors", [])] in ([("x", "NoSuchVersion")], [("x", "InvalidArgument")])

    def test_more_than_1000_keys_are_refused(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="k0", Body=b"x")
        many = [{"Key": f"k{i}"} for i in range(1001)]
        assert refused(s3.delete_objects, Bucket=bucket, Delete={"Objects": many}) == ("MalformedXML", 400)
        s3.head_object(Bucket=bucket, Key="k0")
        assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": many[:1000]})["Deleted"]) == 1000

    def test_a_digest_is_required(self, server, alice, s3, bucket):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        body = b"<Delete><Object><Key>k</Key></Object></Delete>"
        answer = server.signed(alice, "POST", f"/{bucket}", [("delete", None)], body=body)
        assert answer.said() == (400, "InvalidRequest")
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        answer = server.signed(alice, "POST", f"/{bucket}", [("delete", None)], {"Content-MD5": md5}, body)
        assert answer.status == 200 and b"<Deleted>" in answer.body

    def test_versions_and_markers(self, s3, versioned):
        version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
        answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k"}]})["Deleted"][0]
        assert answer["DeleteMarker"] is True
        marker = answer["DeleteMarkerVersionId"]
        answer = s3.delete_objects(
            Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": marker}, {"Key": "k", "VersionId": version}]}
        )["Deleted"]
        by_version = {d["VersionId"]: d for d in answer}
        assert by_version[marker]["DeleteMarker"] is True
        assert "DeleteMarker" not in by_version[version]
        assert "Versions" not in s3.list_object_versions(Bucket=versioned)


def test_attributes_of_an_object(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    wanted = ["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"]
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert got["ETag"] == put["ETag"].strip('"')
    assert got["ObjectSize"] == 5
    assert got["StorageClass"] == "STANDARD"
    assert got["Checksum"]["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    assert got["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    only = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert "ETag" not in only and only["ObjectSize"] == 5
    assert refused(s3.get_object_attributes, Bucket=bucket, Key="none", ObjectAttributes=wanted) == ("NoSuchKey", 404)


def test_renaming_is_not_built(server, alice, bucket):
    answer = server.signed(alice, "PUT", f"/{bucket}/b", [("renameObject", None)], {"x-amz-rename-source": f"/{bucket}/a"})
    assert answer.said() == (501, "NotImplemented")
