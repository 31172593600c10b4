"""Presigned URLs whose makers put headers into the query, as the SDK for JavaScript does.

Source: S3 API Reference, "Authenticating Requests: Using Query Parameters".
"""

import base64
import os

import pytest

from harness import path_and_query, presign, refused


@pytest.fixture
def send(server, alice):
    """Sends a request whose further headers stand in the query, signed there."""

    def ask(method, path, parameters, body=b"", headers=()):
        hosted = dict(headers) | {"Host": server.authority()}
        query = presign(alice, method, path, list(parameters.items()), hosted, region=server.region)
        return server.http(method, path_and_query(path, query), hosted, body)

    return ask


def test_what_the_url_says_is_done_and_kept(server, s3, bucket, send):
    said = {
        "x-amz-meta-colour": "red",
        "X-Amz-Tagging": "team=red",
        "x-amz-storage-class": "STANDARD",
        # Of what made the URL, which had no body.
        "x-amz-checksum-crc32": "AAAAAA==",
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "x-id": "PutObject",
    }
    assert send("PUT", f"/{bucket}/k", said, b"body").status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Metadata"] == {"colour": "red"}
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "team", "Value": "red"}]
    assert send("PUT", f"/{bucket}/copy", {"x-amz-copy-source": f"{bucket}/k"}).status == 200
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"body"


def test_what_the_url_demands_is_demanded(server, bucket, send, bob):
    wrong = {"x-amz-expected-bucket-owner": bob.account_id}
    assert (send("GET", f"/{bucket}/none", wrong).status, send("PUT", f"/{bucket}/k", wrong).status) == (403, 403)
    answer = send("PUT", f"/{bucket}/k", {"x-amz-acl": "public-read"}, b"body")
    assert (answer.status, answer.code) == (400, "AccessControlListNotSupported")
    answer = send("PUT", f"/{bucket}/k", {"x-amz-server-side-encryption": "aws:kms"}, b"body")
    assert answer.status >= 400


def test_a_customers_key_is_not_taken_from_a_url(server, s3, bucket, send):
    key = os.urandom(32)
    said = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": base64.b64encode(key).decode(),
    }
    answer = send("PUT", f"/{bucket}/secret", said, b"body")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert refused(s3.get_object, Bucket=bucket, Key="secret") == ("NoSuchKey", 404)
    assert base64.b64encode(key).decode() not in server.log()


def test_a_header_that_contradicts_the_url_is_refused(server, s3, bucket, send):
    answer = send("PUT", f"/{bucket}/k", {"x-amz-meta-a": "1"}, b"body", {"x-amz-meta-a": "2"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
