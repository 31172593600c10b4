"""A protection that is asked for is given or refused, never quietly left out.

VersityGW dropped encryption and conditions that it did not know and answered 200; RustFS took unreadable lock metadata for no
lock (j548); MinIO deleted what was under governance for a header's sake (CVE-2023-25812), and the peers compared that header
in one case only. Whatever is not built yet must say so; once it is, the same tests ask whether it is in force.
"""

import base64
import hashlib

import pytest

from harness import refused

RETAIN = "2040-01-01T00:00:00Z"
KEY = hashlib.sha256(b"k").digest()

#: What is asked of an object, and what HEAD must then show of it.
ASKED = {
    "retention": (
        {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": RETAIN},
        {"x-amz-object-lock-mode": "COMPLIANCE"},
    ),
    "retention in another case": (
        {"X-AMZ-OBJECT-LOCK-MODE": "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date": RETAIN},
        {"x-amz-object-lock-mode": "GOVERNANCE"},
    ),
    "a mode without a date": ({"x-amz-object-lock-mode": "COMPLIANCE"}, None),
    "a date without a mode": ({"x-amz-object-lock-retain-until-date": RETAIN}, None),
    "a date that has passed": (
        {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2020-01-01T00:00:00Z"},
        None,
    ),
    "a mode that is none": ({"x-amz-object-lock-mode": "compliance", "x-amz-object-lock-retain-until-date": RETAIN}, None),
    "a legal hold": ({"x-amz-object-lock-legal-hold": "ON"}, {"x-amz-object-lock-legal-hold": "ON"}),
    "a hold that is none": ({"x-amz-object-lock-legal-hold": "on"}, None),
    "a KMS key": ({"x-amz-server-side-encryption": "aws:kms"}, {"x-amz-server-side-encryption": "aws:kms"}),
    "a KMS key twice": ({"x-amz-server-side-encryption": "aws:kms:dsse"}, {"x-amz-server-side-encryption": "aws:kms:dsse"}),
    "a KMS key of somebody's": (
        {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:us-east-1:999999999999:key/11111111-2222-3333-4444-555555555555",
        },
        None,
    ),
    "the id of a KMS key alone": ({"x-amz-server-side-encryption-aws-kms-key-id": "k"}, None),
    "an encryption in another case": ({"x-amz-server-side-encryption": "aes256"}, None),
    "a customer's algorithm alone": ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, None),
    "a customer's key that is short": (
        {
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": base64.b64encode(KEY[:16]).decode(),
            "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(hashlib.md5(KEY[:16]).digest()).decode(),
        },
        None,
    ),
    "a customer's key with another's digest": (
        {
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": base64.b64encode(KEY).decode(),
            "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(bytes(16)).decode(),
        },
        None,
    ),
    "a customer's key and ours": (
        {
            "x-amz-server-side-encryption": "AES256",
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": base64.b64encode(KEY).decode(),
            "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(hashlib.md5(KEY).digest()).decode(),
        },
        None,
    ),
    "a storage class of glass": ({"x-amz-storage-class": "GLASS"}, None),
    "a condition that is none": ({"If-None-Match": '"etag"'}, None),
    "a checksum of nothing known": ({"x-amz-checksum-sha512": "AAAA"}, None),
    "a checksum algorithm alone": ({"x-amz-sdk-checksum-algorithm": "SHA512"}, None),
}


def put(server, alice, s3, bucket, headers):
    return server.signed(alice, "PUT", f"/{bucket}/k", headers=headers, body=b"body")


def copy(server, alice, s3, bucket, headers):
    s3.put_object(Bucket=bucket, Key="source", Body=b"body")
    return server.signed(alice, "PUT", f"/{bucket}/k", headers={"x-amz-copy-source": f"{bucket}/source"} | headers)


def multipart(server, alice, s3, bucket, headers):
    answer = server.signed(alice, "POST", f"/{bucket}/k", [("uploads", None)], headers)
    if answer.status != 200:
        return answer
    upload = answer.body.split(b"<UploadId>")[1].split(b"</UploadId>")[0].decode()
    customer = {name: value for name, value in headers.items() if "customer" in name}
    part = server.signed(alice, "PUT", f"/{bucket}/k", [("partNumber", "1"), ("uploadId", upload)], customer, b"body")
    if part.status != 200:
        return part
    body = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part></CompleteMultipartUpload>"
    return server.signed(alice, "POST", f"/{bucket}/k", [("uploadId", upload)], customer, body.encode())


def form(server, alice, s3, bucket, headers):
    fields = {name.lower(): value for name, value in headers.items()}
    made = s3.generate_presigned_post(bucket, "k", Fields=fields, Conditions=[{name: value} for name, value in fields.items()])["fields"]
    parts = "".join(f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in made.items())
    parts += '--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\nbody\r\n--xyz--\r\n'
    return server.http("POST", f"/{bucket}", {"Content-Type": "multipart/form-data; boundary=xyz"}, parts.encode())


#: Not asked of these: conditions and checksums mean other things there, or nothing.
LEFT_OUT = {
    (copy, "a condition that is none"),
    (copy, "a checksum of nothing known"),
    (copy, "a checksum algorithm alone"),
    (multipart, "a condition that is none"),
    (multipart, "a checksum of nothing known"),
    (multipart, "a checksum algorithm alone"),
    (form, "a condition that is none"),
    (form, "a checksum algorithm alone"),
    (put, "a checksum algorithm alone"),
}


WAYS = [(write, asked) for write in (put, copy, multipart, form) for asked in ASKED if (write, asked) not in LEFT_OUT]


@pytest.mark.parametrize(("write", "asked"), WAYS, ids=[f"{write.__name__}: {asked}" for write, asked in WAYS])
def test_what_is_asked_of_an_object_is_given_or_refused(server, alice, s3, bucket, write, asked):
    headers, shown = ASKED[asked]
    answer = write(server, alice, s3, bucket, headers)
    if answer.status >= 300:
        assert answer.status in (400, 403, 404, 409, 501), answer.body
        assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
        return
    assert shown is not None, f"{asked} was let through"
    stored = server.signed(alice, "HEAD", f"/{bucket}/k")
    for name, value in shown.items():
        assert stored.headers[name] == value


#: What is asked of a bucket: document, and what must be answered when it is asked for again.
SETTINGS = {
    "versioning with MFA": ("versioning", "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>", b"<MfaDelete>Enabled"),
    "a lock": ("object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>", b"<ObjectLockEnabled>Enabled"),
    "encryption by KMS": (
        "encryption",
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
        b"<SSEAlgorithm>aws:kms",
    ),
    "a lifecycle": (
        "lifecycle",
        "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix/></Filter><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
        b"<Days>1</Days>",
    ),
    "a log": ("logging", "<BucketLoggingStatus><LoggingEnabled><TargetBucket>{b}</TargetBucket><TargetPrefix/></LoggingEnabled></BucketLoggingStatus>", b"<TargetBucket>"),
    "requester pays": ("requestPayment", "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>", b"<Payer>Requester"),
    "acceleration": ("accelerate", "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>", b"<Status>Enabled"),
    "replication": (
        "replication",
        "<ReplicationConfiguration><Role>arn:aws:iam::123456789012:role/r</Role><Rule><Status>Enabled</Status><Prefix/><Destination>"
        "<Bucket>arn:aws:s3:::{b}</Bucket></Destination></Rule></ReplicationConfiguration>",
        b"<Status>Enabled",
    ),
}


@pytest.mark.parametrize("asked", SETTINGS)
def test_what_is_asked_of_a_bucket_is_kept_or_refused(server, alice, bucket, asked):
    name, document, shown = SETTINGS[asked]
    body = document.replace("{b}", bucket).encode()
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answer = server.signed(alice, "PUT", f"/{bucket}", [(name, None)], {"Content-MD5": md5}, body)
    after = server.signed(alice, "GET", f"/{bucket}", [(name, None)])
    if answer.status >= 300:
        assert answer.status in (400, 403, 409, 501), answer.body
        assert shown not in after.body
    else:
        assert shown in after.body, after.body


@pytest.mark.parametrize("value", ["true", "TRUE", "True", "1", "yes"])
def test_a_bucket_with_a_lock_has_one_or_is_not_made(server, alice, s3, name, value):
    answer = server.signed(alice, "PUT", f"/{name}", headers={"x-amz-bucket-object-lock-enabled": value})
    if answer.status == 200:
        lock = server.signed(alice, "GET", f"/{name}", [("object-lock", None)])
        assert b"<ObjectLockEnabled>Enabled" in lock.body, lock.body
    else:
        assert answer.status in (400, 501), answer.body
        assert refused(s3.head_bucket, Bucket=name) == ("404", 404)


@pytest.mark.parametrize("header", ["x-amz-bypass-governance-retention", "X-AMZ-BYPASS-GOVERNANCE-RETENTION"])
def test_a_stranger_bypasses_nothing(server, bob, s3, versioned, header):
    made = s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    for value in ("true", "TRUE", "1"):
        answer = server.signed(bob, "DELETE", f"/{versioned}/k", [("versionId", made["VersionId"])], {header: value})
        assert (answer.status, answer.code) == (403, "AccessDenied")
    assert s3.head_object(Bucket=versioned, Key="k", VersionId=made["VersionId"])["ContentLength"] == 1
