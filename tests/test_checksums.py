"""Checksums, sent in headers and trailers. Source: S3 User Guide, "Checking object integrity in Amazon S3"."""

import base64
import hashlib
import os

import pytest
from awscrt import checksums

from harness import MIB, STREAMING_UNSIGNED_TRAILER, refused


def encoded(number, size):
    return base64.b64encode(number.to_bytes(size, "big")).decode()


ALGORITHMS = {
    "CRC32": lambda data: encoded(checksums.crc32(data), 4),
    "CRC32C": lambda data: encoded(checksums.crc32c(data), 4),
    "CRC64NVME": lambda data: encoded(checksums.crc64nvme(data), 8),
    "SHA1": lambda data: base64.b64encode(hashlib.sha1(data).digest()).decode(),
    "SHA256": lambda data: base64.b64encode(hashlib.sha256(data).digest()).decode(),
}
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
BODY = os.urandom(100_000)


def member(algorithm):
    return f"Checksum{algorithm}"


@each_algorithm
def test_a_checksum_in_the_header_is_checked_and_returned(s3_plain, bucket, algorithm):
    good = ALGORITHMS[algorithm](BODY)
    put = s3_plain.put_object(Bucket=bucket, Key="k", Body=BODY, **{member(algorithm): good})
    assert put[member(algorithm)] == good
    assert put["ChecksumType"] == "FULL_OBJECT"
    got = s3_plain.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[member(algorithm)] == good
    assert got["Body"].read() == BODY
    assert s3_plain.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[member(algorithm)] == good
    assert member(algorithm) not in s3_plain.head_object(Bucket=bucket, Key="k")
    bad = ALGORITHMS[algorithm](b"other")
    assert refused(s3_plain.put_object, Bucket=bucket, Key="bad", Body=BODY, **{member(algorithm): bad}) == ("BadDigest", 400)
    assert refused(s3_plain.head_object, Bucket=bucket, Key="bad") == ("404", 404)


@each_algorithm
def test_a_checksum_in_the_trailer_is_checked_and_returned(server, alice, s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm=algorithm)
    assert put[member(algorithm)] == ALGORITHMS[algorithm](BODY)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == BODY and got[member(algorithm)] == put[member(algorithm)]
    assert trailer_put(server, alice, bucket, algorithm, BODY, ALGORITHMS[algorithm](b"other")).said() == (400, "BadDigest")
    assert refused(s3.head_object, Bucket=bucket, Key="bad") == ("404", 404)


def trailer_put(server, account, bucket, algorithm, body, checksum, key="bad"):
    name = f"x-amz-checksum-{algorithm.lower()}"
    wire = b"%x\r\n%s\r\n0\r\n%s:%s\r\n\r\n" % (len(body), body, name.encode(), checksum.encode())
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": name,
        "x-amz-content-sha256": STREAMING_UNSIGNED_TRAILER,
    }
    return server.signed(account, "PUT", f"/{bucket}/{key}", headers=headers, body=wire, payload_hash=STREAMING_UNSIGNED_TRAILER)


@each_algorithm
def test_a_hand_made_trailer_is_accepted(server, alice, s3, bucket, algorithm):
    answer = trailer_put(server, alice, bucket, algorithm, BODY, ALGORITHMS[algorithm](BODY), "good")
    assert answer.status == 200, answer.body
    assert s3.get_object(Bucket=bucket, Key="good")["Body"].read() == BODY


def test_where_none_is_sent_crc64nvme_is_computed(server, alice, s3, bucket):
    answer = server.signed(alice, "PUT", f"/{bucket}/k", body=BODY)
    assert answer.status == 200
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["ChecksumCRC64NVME"] == ALGORITHMS["CRC64NVME"](BODY)
    assert got["ChecksumType"] == "FULL_OBJECT"


def test_two_checksums_are_refused(server, alice, bucket):
    headers = {"x-amz-checksum-sha1": ALGORITHMS["SHA1"](b"x"), "x-amz-checksum-crc32": ALGORITHMS["CRC32"](b"x")}
    assert server.signed(alice, "PUT", f"/{bucket}/k", headers=headers, body=b"x").said() == (400, "InvalidRequest")


@pytest.mark.parametrize("wrong", ["", "notbase64!", "AAAA", base64.b64encode(b"x" * 33).decode()])
def test_a_checksum_that_is_none_is_refused(server, alice, bucket, wrong):
    answer = server.signed(alice, "PUT", f"/{bucket}/k", headers={"x-amz-checksum-sha256": wrong}, body=b"x")
    assert answer.said() == (400, "InvalidRequest")


def parts_of(s3, bucket, algorithm, bodies, **begin):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, **begin)
    parts = []
    for number, body in enumerate(bodies, 1):
        sent = s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload["UploadId"], PartNumber=number, Body=body, ChecksumAlgorithm=algorithm
        )
        assert sent[member(algorithm)] == ALGORITHMS[algorithm](body)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], member(algorithm): sent[member(algorithm)]})
    return upload, parts


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_the_composite_of_an_upload(s3, bucket, algorithm):
    bodies = [os.urandom(5 * MIB), b"end"]
    upload, parts = parts_of(s3, bucket, algorithm, bodies)
    assert upload["ChecksumAlgorithm"] == algorithm
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload["UploadId"], MultipartUpload={"Parts": parts})
    joined = b"".join(base64.b64decode(part[member(algorithm)]) for part in parts)
    assert done[member(algorithm)] == ALGORITHMS[algorithm](joined) + "-2"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[member(algorithm)], head["ChecksumType"]) == (done[member(algorithm)], "COMPOSITE")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_the_whole_of_an_upload(s3, bucket, algorithm):
    bodies = [os.urandom(5 * MIB), b"end"]
    upload, parts = parts_of(s3, bucket, algorithm, bodies, ChecksumType="FULL_OBJECT")
    arguments = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"], "MultipartUpload": {"Parts": parts}, "ChecksumType": "FULL_OBJECT"}
    wrong = ALGORITHMS[algorithm](b"other")
    assert refused(s3.complete_multipart_upload, **arguments, **{member(algorithm): wrong}) == ("BadDigest", 400)
    done = s3.complete_multipart_upload(**arguments)
    assert done[member(algorithm)] == ALGORITHMS[algorithm](b"".join(bodies))
    assert done["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == b"".join(bodies)


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256"])
def test_no_hash_of_a_whole_upload(s3, bucket, algorithm):
    assert refused(
        s3.create_multipart_upload, Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT"
    ) == ("InvalidRequest", 400)


def test_a_copy_computes_the_algorithm_asked_for(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm="CRC32")
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "k"}, ChecksumAlgorithm="SHA256")
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == ALGORITHMS["SHA256"](BODY)
    kept = s3.copy_object(Bucket=bucket, Key="kept", CopySource={"Bucket": bucket, "Key": "k"})
    assert kept["CopyObjectResult"]["ChecksumCRC32"] == ALGORITHMS["CRC32"](BODY)


def test_the_mode_is_read_without_regard_to_case(server, alice, s3, bucket):
    """The AWS SDK for C++ sends it in lower case."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumAlgorithm="CRC32C")
    answer = server.signed(alice, "GET", f"/{bucket}/k", headers={"x-amz-checksum-mode": "enabled"})
    assert answer.status == 200 and "x-amz-checksum-crc32c" in answer.headers
