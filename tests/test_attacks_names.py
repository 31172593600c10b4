"""An odd object is an object: whatever its name, metadata or tags, it is listed, read and deleted, and those beside it too.

In MinIO one poisoned object broke the listing of its bucket; in VersityGW `%00` was a 500, in RustFS and SeaweedFS `..` led
into another bucket (8r6f, CVE-2026-54917), on Windows a backslash did (CVE-2023-28433), and lakeFS took "/data2" for a part
of "/data" (CVE-2026-26187). Every way to write makes an object of every name, and every way to read finds them all.
"""

import base64
import hashlib
import urllib.parse

import pytest

from harness import many_sources, quote, refused

NAMES = [
    *(f"control-{byte:02x}-{chr(byte)}" for byte in (*range(1, 32), 0x7F)),
    *(f"c1-{code:02x}-{chr(code)}" for code in (0x80, 0x85, 0x9F)),
    ".",
    "..",
    "../",
    "../../../etc/passwd",
    "a/../../b",
    "./a",
    "/",
    "//",
    "/leading",
    "trailing/",
    "a//b",
    "a/./b",
    "..\\..\\b",
    "C:\\b",
    "\\\\host\\share",
    "%",
    "%2F",
    "%2e%2e%2f",
    "%00",
    "%zz",
    "+",
    "a+b",
    "a b",
    " ",
    " a ",
    "a\u00a0b",
    "k?versionId=null",
    "k?uploads",
    "k#fragment",
    "a&b=c;d",
    "<Key>",
    "]]>",
    "&lt;&#0;",
    "\"'`",
    "{}|^[]~",
    "*",
    "$key ${filename}",
    "\u202egpj.exe",
    "\u2028\u2029",
    "\ufeffk",
    "\ufffd",
    "\ufffe\uffff",
    "\U0001f600",
    "\U0010ffff",
    "e\u0301",
    "\u00e9",
    "I",
    "\u0130",
    "con",
    "nul.txt",
    ".strongroom",
    "v20180820/x",
    "-live",
    "~",
    "null",
    "k" * 1024,
    "\u00e9" * 512,
    "/".join("d" for _ in range(512)),
]


def form(s3, bucket, key, server):
    made = s3.generate_presigned_post(bucket, key)["fields"]
    parts = b""
    for name, content in made.items():
        parts += f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content.encode() + b"\r\n"
    parts += b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nbody\r\n--xyz--\r\n'
    return server.http("POST", f"/{bucket}", {"Content-Type": "multipart/form-data; boundary=xyz"}, parts)


def put(server, alice, s3, bucket, key):
    assert server.signed(alice, "PUT", f"/{bucket}/{key}", body=b"body").status == 200


def copy(server, alice, s3, bucket, key):
    source = f"{bucket}/{quote('source of copies')}"
    answer = server.signed(alice, "PUT", f"/{bucket}/{key}", headers={"x-amz-copy-source": source})
    assert answer.status == 200, answer.body


def begun(server, alice, bucket, key):
    """An upload's id. Not by the SDK: it resolves dots in paths, and cannot read answers whose key XML has no form for."""
    answer = server.signed(alice, "POST", f"/{bucket}/{key}", [("uploads", None)])
    assert answer.status == 200, (key, answer.body)
    return answer.body.split(b"<UploadId>")[1].split(b"</UploadId>")[0].decode()


def multipart(server, alice, s3, bucket, key):
    upload = begun(server, alice, bucket, key)
    path = f"/{bucket}/{key}"
    part = server.signed(alice, "PUT", path, [("partNumber", "1"), ("uploadId", upload)], body=b"body")
    parts = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    assert server.signed(alice, "POST", path, [("uploadId", upload)], body=body).status == 200


def post(server, alice, s3, bucket, key):
    answer = form(s3, bucket, key, server)
    if any(c in key for c in "\r\n\x00"):
        # A field may have them; a policy's text and its conditions, too. S3 stores such a key.
        assert answer.status in (204, 400, 403), answer.body
        if answer.status != 204:
            put(server, alice, s3, bucket, key)
        return
    assert answer.status == 204, (key, answer.body)


@pytest.mark.parametrize("write", [put, copy, multipart, post], ids=lambda write: write.__name__)
def test_objects_of_odd_names_are_listed_read_and_deleted(server, alice, s3, versioned, write):
    bucket = versioned
    s3.put_object(Bucket=bucket, Key="source of copies", Body=b"body")
    # In a form that is the name of the file.
    names = [name for name in NAMES if write is not post or "${filename}" not in name]
    for name in names:
        write(server, alice, s3, bucket, name)
    expected = sorted({*names, "source of copies"}, key=str.encode)
    assert listed(s3, "list_objects_v2", "Contents", bucket) == expected
    assert listed(s3, "list_objects", "Contents", bucket) == expected
    assert listed(s3, "list_object_versions", "Versions", bucket) == expected
    for name in expected:
        answer = server.signed(alice, "GET", f"/{bucket}/{name}")
        assert answer.body == b"body", name
        assert server.signed(alice, "HEAD", f"/{bucket}/{name}").headers["Content-Length"] == "4"
        attributes = server.signed(alice, "GET", f"/{bucket}/{name}", [("attributes", None)], {"x-amz-object-attributes": "ObjectSize"})
        assert b"<ObjectSize>4</ObjectSize>" in attributes.body
        shown = server.signed(alice, "GET", f"/{bucket}", [("list-type", "2"), ("prefix", name), ("max-keys", "1"), ("encoding-type", "url")])
        first = shown.body.split(b"<Key>")[1].split(b"</Key>")[0].decode()
        assert urllib.parse.unquote_plus(first) == next(key for key in expected if key.startswith(name))
    assert refused(s3.delete_bucket, Bucket=bucket)[0] == "BucketNotEmpty"
    for name in expected:
        assert server.signed(alice, "DELETE", f"/{bucket}/{name}").status == 204
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert listed(s3, "list_object_versions", "DeleteMarkers", bucket) == expected


def listed(s3, operation, member, bucket):
    pages = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
    return [item["Key"] for page in pages for item in page.get(member, [])]


def test_uploads_of_odd_names_are_listed_and_aborted(server, alice, s3, bucket):
    for name in NAMES:
        begun(server, alice, bucket, name)
    # The SDK asks for encoded keys in listings of objects only.
    marker, uploads = {}, []
    while marker is not None:
        page = s3.list_multipart_uploads(Bucket=bucket, EncodingType="url", MaxUploads=5, **marker)
        uploads += [(urllib.parse.unquote_plus(each["Key"]), each["UploadId"]) for each in page["Uploads"]]
        key = urllib.parse.unquote_plus(page.get("NextKeyMarker", ""))
        marker = {"KeyMarker": key, "UploadIdMarker": page["NextUploadIdMarker"]} if page["IsTruncated"] else None
    assert [key for key, _ in uploads] == sorted(NAMES, key=str.encode)
    for key, upload in uploads:
        assert server.signed(alice, "DELETE", f"/{bucket}/{key}", [("uploadId", upload)]).status == 204
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("key", NAMES, ids=ascii)
def test_a_listing_that_is_not_encoded_is_a_document(server, alice, s3, bucket, key):
    """XML 1.0 has no form for some characters; they are references all the same, as on AWS, and nothing else breaks."""
    put(server, alice, s3, bucket, key)
    for query in ([("list-type", "2")], [], [("versions", None)], [("list-type", "2"), ("delimiter", "/")]):
        answer = server.signed(alice, "GET", f"/{bucket}", query)
        assert answer.status == 200
        text = answer.body.decode()
        assert not any(ord(c) < 32 and c not in "\t\n\r" for c in text)
        assert text.count("<Contents>") + text.count("<Version>") + text.count("<CommonPrefixes>") == 1


ODD = {
    "metadata beyond ASCII": {"x-amz-meta-a": "\u00e9\u65e5"},
    "metadata of nothing": {"x-amz-meta-a": ""},
    "metadata of many names": {f"x-amz-meta-{at}": "" for at in range(60)},
    "metadata with an odd name": {"x-amz-meta-!#$%&'*+.^_`|~": "1"},
    "metadata that looks like a header": {"x-amz-meta-content-length": "9", "x-amz-meta-etag": "x"},
    "metadata that looks encoded": {"x-amz-meta-a": "=?UTF-8?B?/////w==?="},
    "a type that is none": {"Content-Type": "not a type;;;=\u00e9"},
    "a type of nothing": {"Content-Type": ""},
    "an encoding that is none": {"Content-Encoding": "a, b, aws-chunked, chunked"},
    "a disposition that is none": {"Content-Disposition": 'attachment; filename="\u202egpj.exe'},
    "an expiry that is none": {"Expires": "yesterday"},
    "a language that is none": {"Content-Language": "x" * 1000},
    "a redirect": {"x-amz-website-redirect-location": "/a?b#c"},
    "tags that look like markup": {"x-amz-tagging": "a=%2Fb%3A&c%2Bd=%40"},
    "a peer's own metadata": {"x-amz-meta-x-minio-internal-server-side-encryption-iv": "AAAA"},
    "cache control": {"Cache-Control": "max-age=\u00e9, no-transform"},
}


@pytest.mark.parametrize("odd", ODD)
def test_an_object_of_odd_metadata_breaks_no_listing(server, alice, s3, versioned, odd):
    """CVE-2026-34204: metadata that a client had planted made the object, and listings with metadata, unreadable."""
    body = odd.encode()
    answer = server.signed(alice, "PUT", f"/{versioned}/k", headers=ODD[odd], body=body)
    assert answer.status in (200, 400), answer.body
    s3.put_object(Bucket=versioned, Key="beside", Body=b"beside")
    if answer.status == 400:
        assert listed(s3, "list_objects_v2", "Contents", versioned) == ["beside"]
        return
    for operation, member in (("list_objects_v2", "Contents"), ("list_objects", "Contents"), ("list_object_versions", "Versions")):
        assert listed(s3, operation, member, versioned) == ["beside", "k"]
    assert server.signed(alice, "GET", f"/{versioned}/k").body == body
    shown = server.signed(alice, "HEAD", f"/{versioned}/k")
    assert shown.headers["ETag"] == f'"{hashlib.md5(body).hexdigest()}"' and shown.headers["Content-Length"] == str(len(body))
    copied = server.signed(alice, "PUT", f"/{versioned}/copy", headers={"x-amz-copy-source": f"{versioned}/k"})
    assert copied.status == 200, copied.body
    assert server.signed(alice, "GET", f"/{versioned}/copy").body == body
    assert s3.get_object_tagging(Bucket=versioned, Key="k")["TagSet"] is not None


def test_a_name_with_a_null_byte_is_stored_or_refused(server, alice, s3, bucket):
    """VersityGW answered 500."""
    answer = server.signed(alice, "PUT", f"/{bucket}/a\x00b", body=b"x")
    assert answer.status in (200, 400), answer.body
    found = listed(s3, "list_objects_v2", "Contents", bucket)
    assert found == (["a\x00b"] if answer.status == 200 else [])


@pytest.mark.parametrize("tail", ["%ff", "%c0%af", "%c0%80", "%ed%a0%80", "%f4%90%80%80", "%e2%82", "a%80b"])
def test_a_name_that_is_no_utf_8_is_refused_everywhere(server, alice, s3, bucket, tail):
    """Overlong forms, surrogates and cut characters have a second reading for somebody."""
    server.sources = many_sources()
    try:
        for target in (f"/{bucket}/{tail}", f"/{tail}", f"/{bucket}?prefix={tail}", f"/{bucket}?{tail}=1", f"/{bucket}?list-type=2&start-after={tail}"):
            for method in ("GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS"):
                answer = server.http(method, target, {}, b"")
                assert 400 <= answer.status < 500, (method, target, answer.status)
    finally:
        server.sources = None
    assert listed(s3, "list_objects_v2", "Contents", bucket) == []


@pytest.mark.parametrize("like", ["{b}2", "{b}-", "x{b}", "{b}.", "{b}/..", "..%2f{b}", "{b}%2f", "{b}%20", "%7b{b}", "{B}"])
def test_a_bucket_is_not_the_beginning_of_another(server, alice, bob, s3, bucket, like):
    """lakeFS CVE-2026-26187, VaultS3: what began with the name of what was allowed was allowed."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"precious")
    path = like.replace("{b}", bucket).replace("{B}", bucket.upper())
    for account in (alice, bob):
        answer = server.signed(account, "GET", f"/{urllib.parse.unquote(path)}/k")
        assert b"precious" not in answer.body and answer.status in (400, 403, 404), answer.body


def test_deleting_many_reads_each_name_one_way(server, alice, s3, bucket):
    names = [name for name in NAMES if not any(ord(c) < 32 or c in "\ufffe\uffff" for c in name)]
    for name in names:
        put(server, alice, s3, bucket, name)
    keys = "".join(f"<Object><Key>{''.join(f'&#{ord(c)};' for c in name)}</Key></Object>" for name in names)
    body = f"<Delete><Quiet>true</Quiet>{keys}</Delete>".encode()
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answer = server.signed(alice, "POST", f"/{bucket}", [("delete", None)], {"Content-MD5": md5}, body)
    assert answer.status == 200 and b"<Error>" not in answer.body, answer.body
    assert listed(s3, "list_objects_v2", "Contents", bucket) == []
