"""Secrets are in no log, contents are on no disk: whatever way they come in, whatever becomes of the request.

Session tokens and HMAC secrets were in RustFS's logs (r54g, 8cm2, 333v), SSE-C keys in Ceph's (CVE-2018-16889), credentials in
lakeFS's (26hr); RustFS reported encryption and wrote plaintext (xrrf). Every operation is sent with canaries in each place
that can carry a secret, contents come in by every way there is, and then everything that the server wrote is searched.
"""

import base64
import hashlib
import os
import pathlib
import re
import socket
import zlib

import pytest

import attacks
from harness import (
    MIB,
    STREAMING_SIGNED,
    STREAMING_UNSIGNED_TRAILER,
    UNSIGNED,
    ChunkSigner,
    Server,
    head,
    many_sources,
    path_and_query,
    presign,
    sign,
    utc_now,
    with_defaults,
)
from test_canary import files, forms, search

BUCKET = "bucket-of-canaries"
KEY = hashlib.sha256(b"canary of a customer's key").digest()
COPY_KEY = hashlib.sha256(b"canary of a customer's key of a copy source").digest()
TOKEN = "canary-of-a-session-token-" + "x7Q2" * 8
PASSWORD = "canary-of-a-password-4b1f0c"
CONTENT = b"canary-of-contents-77b0e3d1-that-must-not-show-"


def customer(prefix, key):
    """The headers of a customer's key (SSE-C)."""
    return {
        f"{prefix}-algorithm": "AES256",
        f"{prefix}-key": base64.b64encode(key).decode(),
        f"{prefix}-key-MD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


#: Places in a request where a secret may stand, rightly or by mistake.
PLACES = {
    "nothing": ({}, []),
    "a customer's key": (customer("x-amz-server-side-encryption-customer", KEY), []),
    "a customer's key of the source": (customer("x-amz-copy-source-server-side-encryption-customer", COPY_KEY), []),
    "a session token": ({"x-amz-security-token": TOKEN}, []),
    "a password": ({"Proxy-Authorization": f"Basic {PASSWORD}", "Cookie": f"session={PASSWORD}"}, []),
    "keys in the query": (
        {},
        [
            ("x-amz-server-side-encryption-customer-key", base64.b64encode(KEY).decode()),
            ("X-Amz-Server-Side-Encryption-Customer-Key-MD5", base64.b64encode(hashlib.md5(KEY).digest()).decode()),
        ],
    ),
}


def signatures(headers):
    """What of signed headers must not be written down."""
    return dict(headers)["Authorization"].rsplit("Signature=", 1)[1]


def shoot(server, account, request, place, secret=None):
    """Sends an operation by header and by URL; what was answered and what was secret of it."""
    more, query = PLACES[place]
    named = request.named() | more | {"Host": server.authority()}
    pairs = [*request.query, *query]
    target = path_and_query(request.path, pairs)
    sha = hashlib.sha256(request.body).hexdigest()
    signed = sign(account, request.method, request.path, pairs, named, payload_hash=sha, region="us-east-1", secret=secret)
    url = presign(account, request.method, request.path, pairs, named | {"host": server.authority()}, region="us-east-1")
    answers = [
        server.http(request.method, target, signed, request.body),
        server.http(request.method, path_and_query(request.path, url), {**request.named(), **more}, request.body),
        # An odd spelling of a parameter is that parameter.
        server.http(request.method, path_and_query(request.path, url).replace("X-Amz-Signature", "x-amz-signatur%65"), named, request.body),
    ]
    return answers, [signatures(signed), dict(url)["X-Amz-Signature"]]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A server that was sent all of it, with every line of its log; what it answered, and which signatures there were."""
    server = Server(tmp_path_factory.mktemp("canaries"), extra=["--log-level", "trace"]).start()
    server.sources = many_sources()
    alice, bob = server.root, server.create_account("bob@example.com")
    s3 = server.client(alice)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    answers, secret = [], []
    for place in PLACES:
        for request in attacks.operations().values():
            # What would take the bucket away comes from somebody else.
            harmless = request.operation not in ("DeleteBucket", "DeleteObject", "DeleteObjects")
            for account, wrong in ((bob, None), (alice, "wrong")) + (((alice, None),) if harmless else ()):
                got, hidden = shoot(server, account, request.about(BUCKET), place, wrong)
                answers += got
                secret += hidden
    yield server, alice, bob, answers, secret
    if server.process is not None:
        server.kill()


def stored(server):
    """The files of the data directory, but for the log of emergencies, which is 256 MiB of nothing until there is one."""
    return (path for path in files(server.data) if path.name != "reserve")


def secrets_of(alice, bob):
    return {
        "a secret key": forms(alice.secret_key.encode()) | forms(bob.secret_key.encode()),
        "a customer's key": forms(KEY) | forms(base64.b64encode(KEY)),
        "a customer's key of a source": forms(COPY_KEY) | forms(base64.b64encode(COPY_KEY)),
        "a session token": forms(TOKEN.encode()),
        "a password": forms(PASSWORD.encode()),
    }


def test_no_secret_is_in_any_log_or_file(attacked):
    server, alice, bob, _, signed = attacked
    assert server.stop() == 0
    written = list(files(server.log_path, server.audit_path.parent)) + list(stored(server))
    assert sum(path.stat().st_size for path in written) > 5_000_000
    assert search(secrets_of(alice, bob), written) == []
    hexadecimal = {found.decode() for path in written for found in re.findall(rb"[0-9a-f]{64}", path.read_bytes())}
    assert not hexadecimal & set(signed)


def test_no_answer_tells_a_secret(attacked):
    """An error says what was signed, to whoever sent it; the secrets that it was signed with are not in there."""
    _, alice, bob, answers, _ = attacked
    needles = secrets_of(alice, bob)
    hidden = {"a secret key": needles["a secret key"]}
    for answer in answers:
        whole = answer.body + str(answer.headers).encode()
        assert not [name for name, shown in hidden.items() if any(form in whole for form in shown)]
        if b"SignatureDoesNotMatch" not in answer.body:
            assert not [name for name, shown in needles.items() if any(form in whole for form in shown)], whole


def content(size):
    return (CONTENT * (size // len(CONTENT) + 1))[:size]


def put(server, alice, s3, size=70_000, name="put"):
    s3.put_object(Bucket=BUCKET, Key=name, Body=content(size))


def put_small(server, alice, s3):
    put(server, alice, s3, len(CONTENT), "small")


def put_large(server, alice, s3):
    put(server, alice, s3, 3 * MIB, "large")


def streamed_signed(server, alice, s3):
    now, body = utc_now(), content(20_000)
    names = {"Host": server.authority(), "x-amz-content-sha256": STREAMING_SIGNED, "x-amz-decoded-content-length": str(len(body))}
    signed = sign(alice, "PUT", f"/{BUCKET}/streamed", [], names, payload_hash=STREAMING_SIGNED, region="us-east-1", now=now)
    signer = ChunkSigner(alice, "us-east-1", signed, now)
    assert server.http("PUT", f"/{BUCKET}/streamed", signed, signer.chunk(body) + signer.end()).status == 200


def streamed_unsigned(server, alice, s3):
    body = content(20_000)
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))
    wire = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(body), body, crc)
    names = {
        "x-amz-content-sha256": STREAMING_UNSIGNED_TRAILER,
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    answer = server.signed(alice, "PUT", f"/{BUCKET}/trailer", headers=names, body=wire, payload_hash=STREAMING_UNSIGNED_TRAILER)
    assert answer.status == 200, answer.body


def form(server, alice, s3):
    fields = s3.generate_presigned_post(BUCKET, "form")["fields"]
    parts = b"".join(f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items())
    parts += b'--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + content(20_000) + b"\r\n--xyz--\r\n"
    assert server.http("POST", f"/{BUCKET}", {"Content-Type": "multipart/form-data; boundary=xyz"}, parts).status == 204


def parts(end):
    def upload(server, alice, s3):
        begun = s3.create_multipart_upload(Bucket=BUCKET, Key=end, Metadata={"m": CONTENT.decode()})["UploadId"]
        part = s3.upload_part(Bucket=BUCKET, Key=end, UploadId=begun, PartNumber=1, Body=content(MIB))
        s3.upload_part_copy(Bucket=BUCKET, Key=end, UploadId=begun, PartNumber=2, CopySource=f"{BUCKET}/seed")
        if end == "completed":
            tags = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
            s3.complete_multipart_upload(Bucket=BUCKET, Key=end, UploadId=begun, MultipartUpload=tags)
        if end == "aborted":
            s3.abort_multipart_upload(Bucket=BUCKET, Key=end, UploadId=begun)

    return upload


def copied(server, alice, s3):
    s3.copy_object(Bucket=BUCKET, Key="copied", CopySource=f"{BUCKET}/seed")


def of_a_customer(server, alice, s3):
    more = customer("x-amz-server-side-encryption-customer", KEY)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    answer = server.signed(alice, "PUT", f"/{BUCKET}/customer", headers=more, body=content(70_000))
    assert answer.status == 200, answer.body


def refused(server, alice, s3):
    other = hashlib.sha256(b"other").hexdigest()
    assert server.signed(alice, "PUT", f"/{BUCKET}/refused", body=content(MIB), payload_hash=other).status == 400


def broken_off(server, alice, s3):
    body = content(MIB)
    names = {"Host": server.authority()}
    signed = sign(alice, "PUT", f"/{BUCKET}/broken", [], names, payload_hash=UNSIGNED, region="us-east-1")
    with server.connect() as stream:
        stream.sendall(head("PUT", f"/{BUCKET}/broken", with_defaults(signed, body, "")) + body[:-1])
        stream.settimeout(0.3)
        try:
            stream.recv(1)
        except (TimeoutError, socket.timeout):
            pass


def overwritten_and_deleted(server, alice, s3):
    put(server, alice, s3, 300_000, "gone")
    put(server, alice, s3, 100, "gone")
    s3.delete_object(Bucket=BUCKET, Key="gone")


def metadata_and_tags(server, alice, s3):
    text = CONTENT.decode()
    s3.put_object(
        Bucket=BUCKET,
        Key="described",
        Body=b"",
        Metadata={"m": text},
        Tagging=f"t={text}",
        ContentDisposition=text,
        ContentType=text,
        WebsiteRedirectLocation=f"/{text}",
    )
    s3.put_object_tagging(Bucket=BUCKET, Key="described", Tagging={"TagSet": [{"Key": text, "Value": text}]})


def settings(server, alice, s3):
    text = CONTENT.decode()
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": text, "Value": text}]})
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": [f"https://{text}"], "ExposeHeaders": [text], "ID": text}
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    s3.put_bucket_website(Bucket=BUCKET, WebsiteConfiguration={"IndexDocument": {"Suffix": text}})


WAYS = [
    put,
    put_small,
    put_large,
    streamed_signed,
    streamed_unsigned,
    form,
    parts("completed"),
    parts("aborted"),
    parts("open"),
    copied,
    of_a_customer,
    refused,
    broken_off,
    overwritten_and_deleted,
    metadata_and_tags,
    settings,
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("contents")).start()
    s3 = server.client(server.root)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="seed", Body=content(100_000))
    yield server, s3
    if server.process is not None:
        server.kill()


@pytest.mark.parametrize("way", WAYS, ids=[f"{at}-{way.__name__}" for at, way in enumerate(WAYS)])
def test_contents_are_sealed_on_disk_whichever_way_they_come(store, way):
    server, s3 = store
    way(server, server.root, s3)
    needles = {"contents": forms(CONTENT)}
    assert search(needles, stored(server)) == []


def test_nothing_of_it_is_there_after_a_kill_and_the_next_start(store):
    server, s3 = store
    needles = {"contents": forms(CONTENT)}
    server.kill()
    assert search(needles, files(server.data)) == []
    server.start()
    assert s3.get_object(Bucket=BUCKET, Key="seed")["Body"].read() == content(100_000)
    assert search(needles, stored(server)) == []


def test_the_server_writes_nowhere_else(store):
    """Deleted files that are still open count: a body that is spooled to /tmp would be one."""
    server, _ = store
    root = server.home.resolve()
    for link in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            path = os.readlink(link)
            writable = int((link.parent.parent / "fdinfo" / link.name).read_text().split("flags:")[1].split()[0], 8) & 3
        except FileNotFoundError:
            continue
        if path.startswith("/") and not path.startswith(("/dev/", "/proc/")) and writable:
            assert path.startswith(str(root)), path
