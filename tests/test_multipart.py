"""Multipart uploads. Source: S3 User Guide, "Uploading and copying objects using multipart upload"."""

import hashlib
import os

import pytest
from boto3.s3.transfer import TransferConfig

from harness import MIB, failure, refused

PART = 5 * MIB


def begin(s3, bucket, key="k", **more):
    return s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]


def send(s3, bucket, upload, bodies, key="k"):
    parts = []
    for number, body in bodies.items():
        etag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        assert etag == f'"{hashlib.md5(body).hexdigest()}"'
        parts.append({"PartNumber": number, "ETag": etag})
    return parts


def complete(s3, bucket, upload, parts, key="k", **more):
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **more)


@pytest.mark.smoke
def test_parts_become_one_object(s3, bucket):
    bodies = {1: os.urandom(PART), 2: os.urandom(PART + 3), 7: os.urandom(11)}
    upload = begin(s3, bucket, ContentType="text/x", Metadata={"m": "1"}, Tagging="t=1")
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    parts = send(s3, bucket, upload, bodies)
    done = complete(s3, bucket, upload, parts)
    whole = b"".join(bodies.values())
    joined = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies.values())).hexdigest()
    assert done["ETag"] == f'"{joined}-3"'
    assert (done["Bucket"], done["Key"]) == (bucket, "k")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == whole
    assert (got["ContentType"], got["Metadata"], got["TagCount"], got["ETag"]) == ("text/x", {"m": "1"}, 1, done["ETag"])
    middle = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={PART - 10}-{PART + 9}")
    assert middle["Body"].read() == whole[PART - 10 : PART + 10]


def test_a_part_can_be_read_by_number(s3, bucket):
    bodies = {1: os.urandom(PART), 2: b"last"}
    upload = begin(s3, bucket)
    complete(s3, bucket, upload, send(s3, bucket, upload, bodies))
    for number, body in bodies.items():
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=number)
        assert got["Body"].read() == body
        assert got["PartsCount"] == 2
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert s3.head_object(Bucket=bucket, Key="k", PartNumber=number)["ContentLength"] == len(body)
    assert refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=4) == ("InvalidPartNumber", 416)


def test_a_part_sent_again_replaces_itself(s3, bucket):
    upload = begin(s3, bucket)
    send(s3, bucket, upload, {1: b"old"})
    complete(s3, bucket, upload, send(s3, bucket, upload, {1: b"new"}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_completing_again_succeeds(s3, bucket):
    upload = begin(s3, bucket)
    parts = send(s3, bucket, upload, {1: b"x"})
    first, second = (complete(s3, bucket, upload, parts) for _ in range(2))
    assert first["ETag"] == second["ETag"]


def test_the_order_and_the_tags_of_parts_are_checked(s3, bucket):
    upload = begin(s3, bucket)
    parts = send(s3, bucket, upload, {1: os.urandom(PART), 2: b"x"})
    assert refused(complete, s3=s3, bucket=bucket, upload=upload, parts=parts[::-1]) == ("InvalidPartOrder", 400)
    wrong = [parts[0], {"PartNumber": 2, "ETag": parts[0]["ETag"]}]
    assert refused(complete, s3=s3, bucket=bucket, upload=upload, parts=wrong) == ("InvalidPart", 400)
    missing = [parts[0], {"PartNumber": 3, "ETag": parts[0]["ETag"]}]
    assert refused(complete, s3=s3, bucket=bucket, upload=upload, parts=missing) == ("InvalidPart", 400)
    assert refused(complete, s3=s3, bucket=bucket, upload=upload, parts=[]) == ("MalformedXML", 400)
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    complete(s3, bucket, upload, parts)


def test_a_part_before_the_last_has_5_mib_at_least(s3, bucket):
    upload = begin(s3, bucket)
    parts = send(s3, bucket, upload, {1: b"short", 2: b"x"})
    answer = failure(complete, s3=s3, bucket=bucket, upload=upload, parts=parts)
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("EntityTooSmall", 400)


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers_are_1_to_10000(server, alice, s3, bucket, number):
    upload = begin(s3, bucket)
    answer = server.signed(alice, "PUT", f"/{bucket}/k", [("partNumber", str(number)), ("uploadId", upload)], body=b"x")
    assert answer.said() == (400, "InvalidArgument")


def test_an_aborted_upload_is_gone(s3, bucket):
    upload = begin(s3, bucket)
    parts = send(s3, bucket, upload, {1: b"x"})
    answer = s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(complete, s3=s3, bucket=bucket, upload=upload, parts=parts) == ("NoSuchUpload", 404)
    assert refused(s3.list_parts, Bucket=bucket, Key="k", UploadId=upload) == ("NoSuchUpload", 404)
    assert refused(s3.upload_part, Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_an_upload_belongs_to_its_key(s3, bucket):
    upload = begin(s3, bucket, "one")
    assert refused(s3.upload_part, Bucket=bucket, Key="two", UploadId=upload, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    assert refused(s3.list_parts, Bucket=bucket, Key="one", UploadId="nonsense") == ("NoSuchUpload", 404)


def test_parts_are_listed_in_pages(s3, bucket, alice):
    upload = begin(s3, bucket)
    send(s3, bucket, upload, {number: bytes([number]) for number in (1, 2, 3, 10, 200)})
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    assert [(p["PartNumber"], p["Size"]) for p in listed["Parts"]] == [(1, 1), (2, 1), (3, 1), (10, 1), (200, 1)]
    assert (listed["StorageClass"], listed["IsTruncated"]) == ("STANDARD", False)
    assert listed["Owner"]["ID"] == alice.canonical_user_id
    found, marker = [], 0
    while True:
        page = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload, MaxParts=2, PartNumberMarker=marker)
        found += [part["PartNumber"] for part in page["Parts"]]
        if not page["IsTruncated"]:
            break
        marker = page["NextPartNumberMarker"]
    assert found == [1, 2, 3, 10, 200]


def test_uploads_are_listed_by_prefix_delimiter_and_page(s3, bucket):
    made = [(key, begin(s3, bucket, key)) for key in ("a", "a", "b/1", "b/2", "c")]
    found, more = [], {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2, **more)
        found += [(upload["Key"], upload["UploadId"]) for upload in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert sorted(found) == sorted(made)
    assert [key for key, _ in found] == ["a", "a", "b/1", "b/2", "c"]
    grouped = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [u["Key"] for u in grouped["Uploads"]] == ["a", "a", "c"]
    assert [p["Prefix"] for p in grouped["CommonPrefixes"]] == ["b/"]
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")["Uploads"]] == ["b/1", "b/2"]
    assert s3.delete_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_parts_are_copied_from_objects(s3, bucket):
    source = os.urandom(PART + 100)
    s3.put_object(Bucket=bucket, Key="from", Body=source)
    upload = begin(s3, bucket, "to")
    origin = {"Bucket": bucket, "Key": "from"}
    first = s3.upload_part_copy(Bucket=bucket, Key="to", UploadId=upload, PartNumber=1, CopySource=origin)
    second = s3.upload_part_copy(
        Bucket=bucket, Key="to", UploadId=upload, PartNumber=2, CopySource=origin, CopySourceRange="bytes=10-19"
    )
    assert second["CopyPartResult"]["ETag"] == f'"{hashlib.md5(source[10:20]).hexdigest()}"'
    parts = [{"PartNumber": n, "ETag": p["CopyPartResult"]["ETag"]} for n, p in ((1, first), (2, second))]
    complete(s3, bucket, upload, parts, "to")
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == source + source[10:20]


@pytest.mark.parametrize("wanted", ["bytes=0-", "bytes=-5", "0-5", "bytes=0-5242980", "bytes=5-1"])
def test_a_copied_range_must_lie_in_the_source(s3, bucket, wanted):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x" * 100)
    upload = begin(s3, bucket, "to")
    code, status = refused(
        s3.upload_part_copy, Bucket=bucket, Key="to", UploadId=upload, PartNumber=1,
        CopySource={"Bucket": bucket, "Key": "from"}, CopySourceRange=wanted,
    )
    assert status in (400, 416) and code in ("InvalidArgument", "InvalidRange", "InvalidRequest")


def test_conditions_guard_completion(s3, bucket):
    # The object is there first: a later PUT would be newer than the upload, and would stay the current one.
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    upload = begin(s3, bucket)
    parts = send(s3, bucket, upload, {1: b"new"})
    assert refused(complete, s3=s3, bucket=bucket, upload=upload, parts=parts, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    complete(s3, bucket, upload, parts, IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_the_version_of_an_upload_is_as_old_as_its_beginning(s3, versioned):
    upload = begin(s3, versioned)
    parts = send(s3, versioned, upload, {1: b"begun first"})
    s3.put_object(Bucket=versioned, Key="k", Body=b"put later")
    version = complete(s3, versioned, upload, parts)["VersionId"]
    assert s3.get_object(Bucket=versioned, Key="k")["Body"].read() == b"put later"
    assert s3.get_object(Bucket=versioned, Key="k", VersionId=version)["Body"].read() == b"begun first"


def test_the_managed_transfer_of_boto3_works(s3, bucket, tmp_path):
    path, back = tmp_path / "up", tmp_path / "down"
    path.write_bytes(os.urandom(20 * MIB + 1))
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_file(str(path), bucket, "big", Config=config)
    s3.download_file(bucket, "big", str(back), Config=config)
    assert back.read_bytes() == path.read_bytes()
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copied", Config=config)
    assert s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == path.read_bytes()


def test_attributes_tell_the_parts(s3, bucket):
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = []
    for number, body in {1: os.urandom(PART), 2: b"end"}.items():
        sent = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]})
    complete(s3, bucket, upload, parts)
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "ObjectSize", "Checksum"], MaxParts=1)
    assert got["ObjectSize"] == PART + 3
    tell = got["ObjectParts"]
    assert (tell["TotalPartsCount"], tell["IsTruncated"], tell["MaxParts"]) == (2, True, 1)
    assert tell["Parts"][0]["Size"] == PART and tell["Parts"][0]["ChecksumSHA256"] == parts[0]["ChecksumSHA256"]
    assert got["Checksum"]["ChecksumType"] == "COMPOSITE"


def test_a_download_goes_on_when_its_object_is_replaced(s3, bucket):
    bodies = [os.urandom(5 * MIB) for _ in range(4)]
    whole = b"".join(bodies)
    upload = begin(s3, bucket)
    complete(s3, bucket, upload, send(s3, bucket, upload, dict(enumerate(bodies, 1))))
    stream = s3.get_object(Bucket=bucket, Key="k")["Body"]
    read = stream.read(MIB)
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    assert read + stream.read() == whole
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"
