"""Server-side encryption with customer-provided keys (SSE-C). Source: S3 User Guide, "Using server-side encryption with
customer-provided keys (SSE-C)"."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys

import pytest

from harness import MIB, amz_date, failure, quote, refused, signing_key, utc_now
from test_canary import CANARY, files, forms, search

ONE, TWO = bytes(range(32)), b"another customer's key, 32 bytes"
HEADER = "x-amz-server-side-encryption-customer-"
SOURCE = "x-amz-copy-source-server-side-encryption-customer-"


def customer(key):
    """What boto3 takes; it adds the base64 and the MD5."""
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}


def spelled(key):
    """The same for operations to which boto3 adds nothing."""
    return {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": base64.b64encode(key).decode(),
        "SSECustomerKeyMD5": md5(key),
    }


def source(key):
    return {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": key}


def md5(key):
    return base64.b64encode(hashlib.md5(key).digest()).decode()


def headers(key, prefix=HEADER):
    return {f"{prefix}algorithm": "AES256", f"{prefix}key": base64.b64encode(key).decode(), f"{prefix}key-MD5": md5(key)}


def allow(s3, bucket, allowed=True):
    kinds = {"EncryptionType": ["NONE" if allowed else "SSE-C"]}
    rules = {"Rules": [{"BlockedEncryptionTypes": kinds}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)


@pytest.fixture
def opened(s3, bucket):
    allow(s3, bucket)
    return bucket


@pytest.mark.smoke
@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000, 9 * MIB])
def test_an_object_opens_with_its_key_only(s3, opened, size):
    body = os.urandom(size)
    put = s3.put_object(Bucket=opened, Key="k", Body=body, **customer(ONE))
    assert (put["SSECustomerAlgorithm"], put["SSECustomerKeyMD5"]) == ("AES256", md5(ONE))
    assert "ServerSideEncryption" not in put
    assert len(put["ETag"]) == 34 and put["ETag"].strip('"') != hashlib.md5(body).hexdigest()
    got = s3.get_object(Bucket=opened, Key="k", **customer(ONE))
    assert got["Body"].read() == body
    assert (got["SSECustomerAlgorithm"], got["SSECustomerKeyMD5"], got["ETag"]) == ("AES256", md5(ONE), put["ETag"])
    assert "ServerSideEncryption" not in got
    head = s3.head_object(Bucket=opened, Key="k", IfMatch=put["ETag"], **customer(ONE))
    assert (head["ContentLength"], head["SSECustomerKeyMD5"]) == (size, md5(ONE))
    if size > 100:
        part = s3.get_object(Bucket=opened, Key="k", Range=f"bytes={size - 70}-{size - 60}", **customer(ONE))
        assert part["Body"].read() == body[size - 70 : size - 59]
    for call in (s3.get_object, s3.head_object):
        assert refused(call, Bucket=opened, Key="k")[1] == 400
        assert refused(call, Bucket=opened, Key="k", **customer(TWO))[1] == 403
    error = failure(s3.get_object, Bucket=opened, Key="k")["Error"]
    assert error["Code"] == "InvalidRequest" and "stored using a form of Server Side Encryption" in error["Message"]
    error = failure(s3.get_object, Bucket=opened, Key="k", **customer(TWO))["Error"]
    assert error["Code"] == "AccessDenied" and "must provide the correct secret key" in error["Message"]
    listed = s3.list_objects_v2(Bucket=opened)["Contents"][0]
    assert (listed["Size"], listed["ETag"]) == (size, put["ETag"])
    s3.delete_object(Bucket=opened, Key="k")


def test_the_same_bytes_have_another_etag_each_time(s3, opened):
    etags = {s3.put_object(Bucket=opened, Key="k", Body=b"x", **customer(ONE))["ETag"] for _ in range(3)}
    assert len(etags) == 3


def test_attributes_need_the_key(s3, opened):
    put = s3.put_object(Bucket=opened, Key="k", Body=b"12345", **customer(ONE))
    asked = {"Bucket": opened, "Key": "k", "ObjectAttributes": ["ObjectSize", "ETag"]}
    assert refused(s3.get_object_attributes, **asked) == ("InvalidRequest", 400)
    assert refused(s3.get_object_attributes, **asked, **spelled(TWO)) == ("AccessDenied", 403)
    got = s3.get_object_attributes(**asked, **spelled(ONE))
    assert (got["ObjectSize"], got["ETag"]) == (5, put["ETag"].strip('"'))


def test_a_key_for_an_object_without_one_does_not_apply(s3, opened):
    s3.put_object(Bucket=opened, Key="k", Body=b"x")
    error = failure(s3.get_object, Bucket=opened, Key="k", **customer(ONE))["Error"]
    assert (error["Code"], error["Message"]) == (
        "InvalidRequest",
        "The encryption parameters are not applicable to this object.",
    )


KEY, MD5, ALGORITHM = f"{HEADER}key", f"{HEADER}key-MD5", f"{HEADER}algorithm"
WHOLE = headers(ONE)
SHORT = b"only 24 bytes, not 32..."


@pytest.mark.parametrize(
    "sent, code, words",
    [
        ({KEY: WHOLE[KEY], MD5: WHOLE[MD5]}, "InvalidArgument", "valid encryption algorithm"),
        ({KEY: WHOLE[KEY]}, "InvalidArgument", "valid encryption algorithm"),
        ({ALGORITHM: "AES256"}, "InvalidArgument", "appropriate secret key"),
        ({ALGORITHM: "AES256", MD5: WHOLE[MD5]}, "InvalidArgument", "appropriate secret key"),
        ({ALGORITHM: "AES256", KEY: WHOLE[KEY]}, "InvalidArgument", "client calculated MD5"),
        (WHOLE | {MD5: md5(TWO)}, "InvalidArgument", "MD5 hash of the key did not match"),
        (headers(SHORT), "InvalidArgument", "secret key was invalid"),
        (WHOLE | {KEY: "%%%"}, "InvalidArgument", "secret key was invalid"),
        (WHOLE | {ALGORITHM: "aws:kms"}, "InvalidEncryptionAlgorithmError", "Supported value: AES256"),
        (
            WHOLE | {"x-amz-server-side-encryption": "AES256"},
            "InvalidArgument",
            "incompatible with the encryption method specified",
        ),
    ],
)
def test_what_is_not_whole_is_refused_in_the_words_of_s3(server, alice, opened, sent, code, words):
    answer = server.signed(alice, "PUT", f"/{opened}/k", headers=sent, body=b"x")
    assert answer.said() == (400, code), answer.body
    assert words in answer.message
    assert b"<ArgumentName>x-amz-server-side-encryption</ArgumentName>" in answer.body
    assert base64.b64encode(ONE) not in answer.body
    assert server.signed(alice, "HEAD", f"/{opened}/k").status == 404


def test_no_key_is_taken_without_tls(server, alice, opened):
    assert server.signed(alice, "PUT", f"/{opened}/k", headers=WHOLE, body=b"x").status == 200
    for method, body in (("PUT", b"y"), ("GET", b"")):
        answer = server.signed(alice, method, f"/{opened}/k", headers=WHOLE, body=body, plaintext=True)
        assert answer.said() == (400, "InvalidRequest")
        assert "must be made over a secure connection" in answer.message
    assert server.signed(alice, "HEAD", f"/{opened}/k", headers=WHOLE, plaintext=True).status == 400
    assert server.signed(alice, "GET", f"/{opened}/k", headers=WHOLE).body == b"x"


def test_a_wrong_signature_is_not_answered_with_the_key(server, alice, opened):
    for sent in (WHOLE, headers(ONE, SOURCE) | {"x-amz-copy-source": f"/{opened}/k"}):
        answer = server.signed(alice, "PUT", f"/{opened}/k", headers=sent, secret="wrong")
        assert answer.said() == (403, "SignatureDoesNotMatch")
        encoded = base64.b64encode(ONE)
        assert b"customer-key:(redacted)" in answer.body
        assert encoded not in answer.body and encoded.hex(" ").encode() not in answer.body


def test_new_buckets_are_closed_to_keys(server, alice, s3, bucket):
    def blocked():
        rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        return rule["BlockedEncryptionTypes"]["EncryptionType"]

    assert blocked() == ["SSE-C"]
    error = failure(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **customer(ONE))["Error"]
    assert error["Code"] == "AccessDenied"
    assert "s3:PutObject on resource" in error["Message"]
    assert "this bucket has blocked upload requests that specify Server Side Encryption with Customer" in error["Message"]
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/plain", **customer(ONE)}
    assert refused(s3.copy_object, **copy) == ("AccessDenied", 403)
    assert refused(s3.create_multipart_upload, Bucket=bucket, Key="m", **customer(ONE)) == ("AccessDenied", 403)
    allow(s3, bucket)
    assert blocked() == ["NONE"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **customer(ONE))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", **customer(ONE))["UploadId"]
    part = {"Bucket": bucket, "Key": "m", "UploadId": upload, "PartNumber": 1, "Body": b"x"}
    etag = s3.upload_part(**part, **customer(ONE))["ETag"]
    # A document that does not mention it leaves it as it is.
    default = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default)
    assert blocked() == ["NONE"]
    allow(s3, bucket, False)
    assert blocked() == ["SSE-C"]
    assert refused(s3.upload_part, **part, **customer(ONE)) == ("AccessDenied", 403)
    done = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    call = {"Bucket": bucket, "Key": "m", "UploadId": upload, "MultipartUpload": done}
    assert refused(s3.complete_multipart_upload, **call) == ("AccessDenied", 403)
    s3.abort_multipart_upload(Bucket=bucket, Key="m", UploadId=upload)
    assert s3.get_object(Bucket=bucket, Key="k", **customer(ONE))["Body"].read() == b"x"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert blocked() == ["SSE-C"]


def test_copies_between_keys_and_the_buckets_own(s3, opened):
    body = os.urandom(400_000)
    digest = f'"{hashlib.md5(body).hexdigest()}"'
    s3.put_object(Bucket=opened, Key="plain", Body=body)
    s3.put_object(Bucket=opened, Key="one", Body=body, **customer(ONE))

    def copy(of, to, **keys):
        return s3.copy_object(Bucket=opened, Key=to, CopySource={"Bucket": opened, "Key": of}, **keys)

    copied = copy("plain", "a", **customer(TWO))
    assert copied["SSECustomerKeyMD5"] == md5(TWO) and copied["CopyObjectResult"]["ETag"] != digest
    assert s3.get_object(Bucket=opened, Key="a", **customer(TWO))["Body"].read() == body
    copy("one", "b", **customer(TWO), **source(ONE))
    assert s3.get_object(Bucket=opened, Key="b", **customer(TWO))["Body"].read() == body
    copied = copy("one", "c", **source(ONE))
    assert (copied["ServerSideEncryption"], copied["CopyObjectResult"]["ETag"]) == ("AES256", digest)
    assert s3.get_object(Bucket=opened, Key="c")["Body"].read() == body
    copy("one", "one", **customer(TWO), **source(ONE))
    assert s3.get_object(Bucket=opened, Key="one", **customer(TWO))["Body"].read() == body
    call = {"Bucket": opened, "Key": "x", "CopySource": f"{opened}/one"}
    assert refused(s3.copy_object, **call) == ("InvalidRequest", 400)
    assert refused(s3.copy_object, **call, **source(ONE)) == ("AccessDenied", 403)
    assert refused(s3.copy_object, **call | {"CopySource": f"{opened}/plain"}, **source(ONE)) == ("InvalidRequest", 400)


def test_uploads_in_parts(s3, opened):
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB), os.urandom(1000)]
    s3.put_object(Bucket=opened, Key="from", Body=parts[1], **customer(TWO))
    begun = s3.create_multipart_upload(Bucket=opened, Key="m", Metadata={"a": "b"}, **customer(ONE))
    assert begun["SSECustomerKeyMD5"] == md5(ONE) and "ServerSideEncryption" not in begun
    upload = {"Bucket": opened, "Key": "m", "UploadId": begun["UploadId"]}
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"x") == ("InvalidRequest", 400)
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"x", **customer(TWO)) == ("InvalidRequest", 400)
    etags = [s3.upload_part(**upload, PartNumber=1, Body=parts[0], **customer(ONE))["ETag"]]
    copy = {"PartNumber": 2, "CopySource": {"Bucket": opened, "Key": "from"}}
    assert refused(s3.upload_part_copy, **upload, **copy, **customer(ONE)) == ("InvalidRequest", 400)
    copied = s3.upload_part_copy(**upload, **copy, **customer(ONE), **source(TWO))
    assert copied["SSECustomerKeyMD5"] == md5(ONE)
    etags.append(copied["CopyPartResult"]["ETag"])
    etags.append(s3.upload_part(**upload, PartNumber=3, Body=parts[2], **customer(ONE))["ETag"])
    assert [part["ETag"] for part in s3.list_parts(**upload)["Parts"]] == etags
    order = {"Parts": [{"PartNumber": number + 1, "ETag": etag} for number, etag in enumerate(etags)]}
    wrong = customer(TWO)
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload=order, **wrong) == ("InvalidRequest", 400)
    done = s3.complete_multipart_upload(**upload, MultipartUpload=order, **customer(ONE))
    raw = b"".join(bytes.fromhex(etag.strip('"')) for etag in etags)
    assert done["ETag"] == f'"{hashlib.md5(raw).hexdigest()}-3"' and "ServerSideEncryption" not in done
    whole = b"".join(parts)
    got = s3.get_object(Bucket=opened, Key="m", **customer(ONE))
    assert got["Body"].read() == whole and got["Metadata"] == {"a": "b"}
    middle = s3.get_object(Bucket=opened, Key="m", Range=f"bytes={5 * MIB - 5}-{10 * MIB + 5}", **customer(ONE))
    assert middle["Body"].read() == whole[5 * MIB - 5 : 10 * MIB + 6]
    third = s3.get_object(Bucket=opened, Key="m", PartNumber=3, **customer(ONE))
    assert (third["Body"].read(), third["PartsCount"]) == (parts[2], 3)
    assert refused(s3.get_object, Bucket=opened, Key="m", **customer(TWO)) == ("AccessDenied", 403)
    assert refused(s3.head_object, Bucket=opened, Key="m")[1] == 400


def test_checksums_of_parts_need_the_key(s3, opened):
    begun = s3.create_multipart_upload(Bucket=opened, Key="m", ChecksumAlgorithm="SHA256", **customer(ONE))
    upload = {"Bucket": opened, "Key": "m", "UploadId": begun["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256", **customer(ONE))
    error = failure(s3.list_parts, **upload)["Error"]
    assert error["Code"] == "InvalidRequest" and "Part Checksum data" in error["Message"]
    assert s3.list_parts(**upload, **spelled(ONE))["Parts"][0]["ChecksumSHA256"] == part["ChecksumSHA256"]
    order = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]}
    call = {**upload, "MultipartUpload": order}
    assert refused(s3.complete_multipart_upload, **call) == ("InvalidRequest", 400)
    s3.complete_multipart_upload(**call, **customer(ONE))
    head = s3.head_object(Bucket=opened, Key="m", ChecksumMode="ENABLED", **customer(ONE))
    assert head["ChecksumSHA256"].endswith("-1")


def test_a_presigned_url_needs_the_headers_that_it_names(server, s3, opened):
    put = s3.generate_presigned_url("put_object", {"Bucket": opened, "Key": "k", **spelled(ONE)})
    target = "/" + put.split("/", 3)[3]
    assert base64.b64encode(ONE).decode() not in put and quote(base64.b64encode(ONE).decode()) not in put
    assert server.http("PUT", target, body=b"x").status == 403
    answer = server.http("PUT", target, headers(ONE), b"x")
    assert answer.status == 200, answer.body
    assert answer.headers[f"{HEADER}key-MD5"] == md5(ONE)
    get = s3.generate_presigned_url("get_object", {"Bucket": opened, "Key": "k", **spelled(ONE)})
    answer = server.http("GET", "/" + get.split("/", 3)[3], headers(ONE))
    assert (answer.status, answer.body) == (200, b"x")


def test_a_browser_upload_brings_the_key_in_its_form(server, alice, s3, opened):
    now = utc_now()
    date = now.strftime("%Y%m%d")
    sent = {name.lower(): value for name, value in headers(ONE).items()}
    credential = f"{alice.access_key}/{date}/{server.region}/s3/aws4_request"
    common = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": amz_date(now)}
    conditions = [{"bucket": opened}, {"key": "k"}, *({name: value} for name, value in common.items())]
    conditions += [{f"{HEADER}algorithm": "AES256"}, ["starts-with", f"${KEY}", ""], ["starts-with", f"${MD5}", ""]]
    end = (now + datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    policy = base64.b64encode(json.dumps({"expiration": end, "conditions": conditions}).encode()).decode()
    key = signing_key(alice.secret_key, date, server.region, "s3")
    signature = hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()
    fields = {"key": "k", **common, **sent, "policy": policy, "x-amz-signature": signature}

    def post(fields, **options):
        boundary = "b0undary"
        lines = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nbytes\r\n')
        body = ("".join(lines) + f"--{boundary}--\r\n").encode()
        return server.http("POST", f"/{opened}", {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body, **options)

    assert post(fields, plaintext=True).code == "InvalidRequest"
    allow(s3, opened, False)
    assert post(fields).said() == (403, "AccessDenied")
    allow(s3, opened)
    answer = post(fields)
    assert answer.status == 204, answer.body
    assert answer.headers[f"{HEADER}key-MD5"] == md5(ONE)
    assert s3.get_object(Bucket=opened, Key="k", **customer(ONE))["Body"].read() == b"bytes"


def test_aws_cli_copies_there_and_back(server, alice, s3, opened, tmp_path):
    aws = str(pathlib.Path(sys.executable).with_name("aws"))
    (tmp_path / "key").write_bytes(ONE)
    (tmp_path / "in").write_bytes(os.urandom(9 * MIB))
    key = ["--sse-c", "AES256", "--sse-c-key", f"fileb://{tmp_path / 'key'}"]

    def run(*arguments):
        done = subprocess.run(
            [aws, "s3", "cp", "--only-show-errors", *map(str, arguments)],
            env=server.environment(alice) | {"AWS_PAGER": ""},
            capture_output=True,
            timeout=200,
        )
        return done.returncode

    assert run(tmp_path / "in", f"s3://{opened}/k", *key) == 0
    assert run(f"s3://{opened}/k", tmp_path / "out", *key) == 0
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    assert run(f"s3://{opened}/k", tmp_path / "not") != 0
    assert refused(s3.head_object, Bucket=opened, Key="k")[1] == 400


def test_buckets_of_before_april_2023_are_open(fresh):
    server = fresh(extra=["--new-buckets", "before-april-2023"]).start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x", **customer(ONE))
    assert refused(s3.get_public_access_block, Bucket="bucket") == ("NoSuchPublicAccessBlockConfiguration", 404)
    assert refused(s3.get_bucket_ownership_controls, Bucket="bucket") == ("OwnershipControlsNotFoundError", 404)
    assert "before April 2023" in server.log()
    assert server.stop() == 0


def test_verify_proves_what_it_cannot_open(fresh):
    server = fresh(extra=["--new-buckets", "before-april-2023"]).start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="plain", Body=b"x")
    s3.put_object(Bucket="bucket", Key="small", Body=b"x", **customer(ONE))
    s3.put_object(Bucket="bucket", Key="large", Body=os.urandom(3 * MIB), **customer(ONE))
    begun = s3.create_multipart_upload(Bucket="bucket", Key="m", **customer(ONE))["UploadId"]
    s3.upload_part(Bucket="bucket", Key="m", UploadId=begun, PartNumber=1, Body=b"x", **customer(ONE))
    assert server.stop() == 0
    done = server.verify()
    report = json.loads(done.stdout)
    assert (done.returncode, report["sound"]) == (0, True), report
    assert (report["blobs"], report["blobs_opened"], report["blobs_under_customer_keys"]) == (4, 1, 3)
    text = server.run("verify", "--data", str(server.data)).stdout
    assert "3 blobs that need their customers' keys" in text
    # Any change of the sealed bytes is found without the key.
    path = max((server.data / "blobs").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    done = server.verify()
    assert done.returncode == 1 and "are not those that were sealed" in done.stdout
    server.start()
    with pytest.raises(Exception):
        server.client(server.root).get_object(Bucket="bucket", Key="large", **customer(ONE))["Body"].read()
    assert server.client(server.root).get_object(Bucket="bucket", Key="small", **customer(ONE))["Body"].read() == b"x"
    assert server.stop() == 0


def test_no_key_is_written_anywhere(fresh):
    server = fresh(extra=["--log-level", "trace", "--new-buckets", "before-april-2023"]).start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket="bucket")
    key, other = os.urandom(32), os.urandom(32)
    s3.put_object(Bucket="bucket", Key="k", Body=CANARY * 3000, **customer(key))
    s3.get_object(Bucket="bucket", Key="k", **customer(key))["Body"].read()
    refused(s3.get_object, Bucket="bucket", Key="k", **customer(other))
    s3.copy_object(Bucket="bucket", Key="l", CopySource="bucket/k", **customer(other), **source(key))
    begun = s3.create_multipart_upload(Bucket="bucket", Key="m", **customer(key))["UploadId"]
    s3.upload_part(Bucket="bucket", Key="m", UploadId=begun, PartNumber=1, Body=CANARY, **customer(key))
    # Mistakes must not write it down either: a wrong place, a wrong signature, no TLS, a wrong digest.
    sent = headers(key)
    server.signed(server.root, "GET", "/bucket/k", [(KEY, sent[KEY]), (MD5, sent[MD5])])
    server.http("GET", f"/bucket/k?{KEY.replace('-', '%2D')}={quote(sent[KEY])}")
    server.signed(server.root, "GET", "/bucket/k", headers=sent, secret="wrong")
    server.signed(server.root, "GET", "/bucket/k", headers=sent, plaintext=True)
    server.signed(server.root, "PUT", "/bucket/k", headers=sent | {MD5: md5(other)}, body=b"x")
    server.signed(server.root, "PUT", "/bucket/k", headers=sent | {ALGORITHM: "x"}, body=b"x")
    server.events_of("none", timeout=1)
    assert server.stop() == 0
    needles = {}
    for title, each in (("key", key), ("other key", other)):
        text = base64.b64encode(each)
        needles[title] = forms(each) | {text, quote(text.decode()).encode()}
        digest = hashlib.md5(each).digest()
        needles[f"MD5 of {title}"] = {digest, base64.b64encode(digest), digest.hex().encode(), quote(md5(each)).encode()}
    written = list(files(server.data, server.log_path, server.audit_path.parent))
    assert len(written) > 5
    assert search(needles, written) == []
    assert search({"plaintext": forms(CANARY)}, files(server.data)) == []
    shown = [event["requestParameters"] for event in server.audit() if event["eventName"] == "PutObject"]
    assert shown[0][ALGORITHM] == "AES256"
    assert shown[0][KEY] == shown[0][MD5.lower()] == "HIDDEN_DUE_TO_SECURITY_REASONS"


def test_reads_take_no_other_kind_of_encryption(server, alice, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    sent = {"x-amz-server-side-encryption": "AES256"}
    answer = server.signed(alice, "GET", f"/{bucket}/k", headers=sent)
    assert answer.said() == (400, "InvalidArgument") and "not supported for this operation" in answer.message
    assert server.signed(alice, "HEAD", f"/{bucket}/k", headers=sent).status == 400
    declared = {"x-amz-server-side-encryption-aws-kms-key-id": "key"}
    for more in ({}, sent):
        answer = server.signed(alice, "PUT", f"/{bucket}/k", headers=declared | more, body=b"x")
        assert answer.said() == (400, "InvalidArgument") and "requires HTTP header" in answer.message
