"""Every request leaves its events in the audit log. Source: CloudTrail User Guide, "CloudTrail record contents"."""

import base64
import hashlib
import json
import shutil
import subprocess
import time

import pytest

from harness import head, read_answer, reader


def the_event(server, answer, count=1):
    request_id = answer.headers["x-amz-request-id"]
    events = server.events_of(request_id, count)
    assert len(events) == count, (request_id, events)
    return events[0]


@pytest.fixture(scope="module")
def filled(s3):
    name = "bucket-of-records"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x" * 100)
    return name


@pytest.mark.smoke
def test_an_allowed_request_is_told_in_full(server, alice, filled):
    answer = server.signed(alice, "GET", f"/{filled}/k", headers={"User-Agent": 'agent "quoted"/1'})
    event = the_event(server, answer)
    assert event["eventVersion"].startswith("1.")
    assert event["eventSource"] == "s3.amazonaws.com"
    assert event["eventName"] == "GetObject"
    assert event["awsRegion"] == "us-east-1"
    assert event["sourceIPAddress"] == "127.0.0.1"
    assert 'agent "quoted"/1' in event["userAgent"]
    assert event["userIdentity"]["type"] == "Root"
    assert event["userIdentity"]["accountId"] == alice.account_id
    assert event["userIdentity"]["accessKeyId"] == alice.access_key
    assert event["userIdentity"]["arn"] == f"arn:aws:iam::{alice.account_id}:root"
    assert event["requestParameters"]["bucketName"] == filled
    assert event["requestParameters"]["key"] == "k"
    assert (event["readOnly"], event["managementEvent"], event["eventCategory"]) == (True, False, "Data")
    assert {r["ARN"] for r in event["resources"]} == {f"arn:aws:s3:::{filled}/k", f"arn:aws:s3:::{filled}"}
    assert event["recipientAccountId"] == alice.account_id
    extra = event["additionalEventData"]
    assert (extra["SignatureVersion"], extra["AuthenticationMethod"]) == ("SigV4", "AuthHeader")
    assert extra["bytesTransferredOut"] == 100
    assert extra["x-amz-id-2"] == answer.headers["x-amz-id-2"]
    assert event["tlsDetails"]["tlsVersion"] == "TLSv1.3"
    assert event["tlsDetails"]["clientProvidedHostHeader"].startswith("localhost")
    assert "errorCode" not in event


CASES = {
    "PutObject": lambda s, a, b: s.signed(a, "PUT", f"/{b}/new", body=b"x"),
    "HeadObject": lambda s, a, b: s.signed(a, "HEAD", f"/{b}/k"),
    "DeleteObject": lambda s, a, b: s.signed(a, "DELETE", f"/{b}/new"),
    "CopyObject": lambda s, a, b: s.signed(a, "PUT", f"/{b}/copy", headers={"x-amz-copy-source": f"/{b}/k"}),
    "ListObjects": lambda s, a, b: s.signed(a, "GET", f"/{b}", [("list-type", "2")]),
    "ListObjectVersions": lambda s, a, b: s.signed(a, "GET", f"/{b}", [("versions", None)]),
    "ListBuckets": lambda s, a, b: s.signed(a, "GET", "/"),
    "GetBucketVersioning": lambda s, a, b: s.signed(a, "GET", f"/{b}", [("versioning", None)]),
    "GetBucketPublicAccessBlock": lambda s, a, b: s.signed(a, "GET", f"/{b}", [("publicAccessBlock", None)]),
    "GetBucketLifecycle": lambda s, a, b: s.signed(a, "GET", f"/{b}", [("lifecycle", None)]),
    "CreateMultipartUpload": lambda s, a, b: s.signed(a, "POST", f"/{b}/m", [("uploads", None)]),
    "ListBucketInventoryConfigurations": lambda s, a, b: s.signed(a, "GET", f"/{b}", [("inventory", None)]),
}


@pytest.mark.parametrize("event_name", CASES)
def test_each_operation_has_cloudtrails_name(server, alice, filled, event_name):
    answer = CASES[event_name](server, alice, filled)
    event = the_event(server, answer)
    assert event["eventName"] == event_name
    assert ("errorCode" in event) == (answer.status >= 400)


@pytest.mark.parametrize(
    "send, code",
    [
        (lambda s, a, b, f: s.signed(b, "GET", f"/{f}/k"), "AccessDenied"),
        (lambda s, a, b, f: s.http("GET", f"/{f}/k"), "AccessDenied"),
        (lambda s, a, b, f: s.signed(a, "GET", f"/{f}/k", secret="wrong"), "SignatureDoesNotMatch"),
        (lambda s, a, b, f: s.http("GET", f"/{f}/k", {"Authorization": "nonsense"}), None),
        (lambda s, a, b, f: s.signed(a, "GET", f"/{f}/none"), "NoSuchKey"),
        (lambda s, a, b, f: s.signed(a, "GET", f"/{f}-none/k"), "NoSuchBucket"),
        (lambda s, a, b, f: s.signed(a, "PUT", f"/{f}", [("tagging", None)], body=b"<no"), None),
        (lambda s, a, b, f: s.http("PATCH", f"/{f}/k"), None),
        (lambda s, a, b, f: s.http("GET", "/", [("Content-Length", "1"), ("Content-Length", "2")]), None),
        (lambda s, a, b, f: s.http("OPTIONS", f"/{f}/k", {"Origin": "https://a.test", "Access-Control-Request-Method": "GET"}), None),
    ],
    ids=["denied", "anonymous", "bad signature", "no signature", "no key", "no bucket", "bad XML", "bad method", "bad framing", "preflight"],
)
def test_a_refused_request_is_told_once(server, alice, bob, filled, send, code):
    answer = send(server, alice, bob, filled)
    assert answer.status >= 400
    event = the_event(server, answer)
    assert event["errorCode"]
    if code:
        assert event["errorCode"] == code


def test_a_stranger_is_told_as_one(server, bob, filled):
    denied = the_event(server, server.signed(bob, "GET", f"/{filled}/k"))
    assert denied["userIdentity"]["accountId"] == bob.account_id
    anonymous = the_event(server, server.http("GET", f"/{filled}/k"))
    assert anonymous["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL"


def test_each_key_of_a_deletion_is_told(server, s3, filled):
    for key in ("d1", "d2"):
        s3.put_object(Bucket=filled, Key=key, Body=b"")
    answer = s3.delete_objects(Bucket=filled, Delete={"Objects": [{"Key": k} for k in ("d1", "d2", "never")]})
    events = server.events_of(answer["ResponseMetadata"]["RequestId"], 4)
    assert sorted(event["eventName"] for event in events) == ["DeleteObject"] * 3 + ["DeleteObjects"]
    assert {event["requestParameters"]["key"] for event in events if event["eventName"] == "DeleteObject"} == {"d1", "d2", "never"}
    assert len({event["eventID"] for event in events}) == 4


def test_pipelined_requests_are_told_one_by_one(server, filled):
    with server.connect(plaintext=True) as stream:
        stream.sendall(head("GET", f"/{filled}/k", [("Host", server.authority(True))]) * 20)
        answers = reader(stream)
        ids = [read_answer(answers).headers["x-amz-request-id"] for _ in range(20)]
    for request_id in ids:
        assert len(server.events_of(request_id)) == 1


def test_making_an_account_is_told_without_its_secret(server, alice):
    def told():
        return [event for event in server.audit() if event["eventName"] == "CreateAccount"]

    before = len(told())
    made = server.create_account("recorded@example.com")
    deadline = time.monotonic() + 15
    while len(told()) == before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(told()) == before + 1
    assert told()[-1]["userIdentity"]["accountId"] == alice.account_id
    assert made.secret_key not in server.audit_path.read_text()


def test_every_request_of_a_client_is_told_exactly_once(server, alice, s3, filled):
    ids = []
    for number in range(50):
        ids.append(s3.put_object(Bucket=filled, Key=f"n{number}", Body=b"x")["ResponseMetadata"]["RequestId"])
        ids.append(s3.get_object(Bucket=filled, Key=f"n{number}")["ResponseMetadata"]["RequestId"])
    for request_id in ids:
        assert len(server.events_of(request_id)) == 1
    told = [event["requestID"] for event in server.audit()]
    assert all(told.count(request_id) == 1 for request_id in ids)


def test_jq_reads_the_log(server):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    done = subprocess.run(["jq", "-r", ".eventName", str(server.audit_path)], capture_output=True, text=True)
    assert done.returncode == 0 and "GetObject" in done.stdout


def test_a_line_cannot_be_forged(server, alice, filled):
    evil = '"}\n{"eventName":"Forged"}\r\n\u2028'
    answer = server.signed(alice, "GET", f"/{filled}/{evil}", headers={"User-Agent": "a\\\"}{"})
    the_event(server, answer)
    assert not [event for event in server.audit() if event["eventName"] == "Forged"]


def test_names_made_up_by_a_stranger_do_not_stop_the_log(server, bob, s3, bucket):
    """A record that nobody can read back would keep all those behind it from being delivered."""
    names = "".join(f"<Object><Key>{'&#9;' * 250}{'k' * 3000}{number}</Key></Object>" for number in range(500))
    body = f"<Delete>{names}</Delete>".encode()
    headers = {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}
    answer = server.signed(bob, "POST", f"/{bucket}", [("delete", "")], headers, body)
    assert answer.status == 200 and answer.body.count(b"<Code>AccessDenied</Code>") == 500
    later = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["RequestId"]
    assert server.events_of(later)
    events = server.events_of(answer.headers["x-amz-request-id"])
    assert events and all(len(json.dumps(event)) < 256 * 1024 for event in events), "CloudTrail's largest event"
