"""HTTP as bytes: framing, smuggling, pipelining, keep-alive, Expect, XML. Sources: RFC 9110, RFC 9112; S3 API Reference."""

import base64
import dataclasses
import hashlib
import select
import socket
import ssl
import time
import xml.etree.ElementTree

import botocore.exceptions
import pytest

from harness import EMPTY_SHA256, UNSIGNED, head, path_and_query, read_answer, reader, refused, sign, with_defaults


def request(server, account, method, path, query=(), headers=(), body=b"", payload_hash=None, plaintext=False):
    """The bytes of a signed request."""
    names = dict(headers) | {"Host": server.authority(plaintext)}
    signed = sign(account, method, path, query, names, payload_hash=payload_hash or hashlib.sha256(body).hexdigest(), region="us-east-1")
    if body:
        signed.append(("Content-Length", str(len(body))))
    return head(method, path_and_query(path, query), signed) + body


@pytest.fixture(params=[False, True], ids=["tls", "plaintext"])
def plaintext(request):
    return request.param


@pytest.fixture
def filled(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"precious")
    return bucket


def closes(stream, timeout=10):
    """Whether the other side ends the connection without saying anything more."""
    stream.settimeout(timeout)
    try:
        return stream.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


@pytest.mark.smoke
def test_every_answer_names_its_request(server, alice, filled):
    answers = [
        server.signed(alice, "GET", f"/{filled}/k"),
        server.signed(alice, "HEAD", f"/{filled}/none"),
        server.signed(alice, "GET", f"/{filled}/none"),
        server.http("GET", "/"),
        server.http("GET", f"/{filled}/k", {"Authorization": "nonsense"}),
        server.http("OPTIONS", f"/{filled}/k"),
        server.http("PATCH", f"/{filled}/k"),
    ]
    ids = [answer.headers["x-amz-request-id"] for answer in answers]
    assert all(ids) and len(set(ids)) == len(ids)
    for answer in answers:
        assert answer.headers["x-amz-id-2"]
        assert answer.headers["Date"].endswith("GMT")
        assert answer.headers["Server"]


def test_an_error_document_names_what_it_is_about(server, alice, filled):
    answer = server.signed(alice, "GET", f"/{filled}/none")
    assert answer.headers["Content-Type"] == "application/xml"
    document = xml.etree.ElementTree.fromstring(answer.body)
    assert document.tag == "Error"
    members = {child.tag: child.text for child in document}
    assert members["Code"] == "NoSuchKey"
    assert members["Key"] == "none"
    assert members["RequestId"] == answer.headers["x-amz-request-id"]
    assert members["HostId"] == answer.headers["x-amz-id-2"]


def test_http_1_1_is_what_tls_offers(server):
    context = ssl.create_default_context(cafile=server.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as stream:
            assert stream.selected_alpn_protocol() == "http/1.1"
            assert stream.version() == "TLSv1.3"


@pytest.mark.parametrize("host", ["localhost", "s3.localhost", "bucket.s3.localhost", "123456789012.s3.localhost"])
def test_the_certificate_is_good_for_every_name(server, host):
    server.connect(host=host).close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(server, version):
    context = ssl.create_default_context(cafile=server.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(raw, server_hostname="localhost")


def test_a_connection_serves_one_request_after_the_other(server, alice, filled, plaintext):
    with server.connect(plaintext=plaintext) as stream:
        answers = reader(stream)
        for _ in range(5):
            stream.sendall(request(server, alice, "GET", f"/{filled}/k", plaintext=plaintext))
            assert read_answer(answers).body == b"precious"
            stream.sendall(request(server, alice, "HEAD", f"/{filled}/k", plaintext=plaintext))
            answer = read_answer(answers, "HEAD")
            assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "8", b"")
            stream.sendall(request(server, alice, "GET", f"/{filled}/none", plaintext=plaintext))
            assert read_answer(answers).status == 404
            stream.sendall(request(server, alice, "HEAD", f"/{filled}/none", plaintext=plaintext))
            assert read_answer(answers, "HEAD").body == b""


def test_pipelined_requests_are_answered_in_order(server, alice, s3, filled, plaintext):
    requests = []
    for number in range(10):
        body = b"body %d" % number
        requests.append(request(server, alice, "PUT", f"/{filled}/p{number}", body=body, plaintext=plaintext))
        requests.append(request(server, alice, "GET", f"/{filled}/p{number}", plaintext=plaintext))
    with server.connect(plaintext=plaintext) as stream:
        stream.sendall(b"".join(requests))
        answers = reader(stream)
        for number in range(10):
            assert read_answer(answers).status == 200
            assert read_answer(answers).body == b"body %d" % number


def test_a_client_that_asks_to_close_is_closed(server, alice, filled):
    with server.connect() as stream:
        stream.sendall(request(server, alice, "GET", f"/{filled}/k", headers={"Connection": "close"}))
        assert read_answer(reader(stream)).body == b"precious"
        assert closes(stream)


SMUGGLING = {
    "both lengths": [("Content-Length", "4"), ("Transfer-Encoding", "chunked")],
    "both lengths, other order": [("Transfer-Encoding", "chunked"), ("Content-Length", "4")],
    "two lengths": [("Content-Length", "4"), ("Content-Length", "5")],
    "a list of lengths": [("Content-Length", "4, 5")],
    "a signed length": [("Content-Length", "+4")],
    "a negative length": [("Content-Length", "-1")],
    "a hexadecimal length": [("Content-Length", "0x4")],
    "no number": [("Content-Length", "x")],
    "too long a length": [("Content-Length", "99999999999999999999999")],
    "an unknown coding": [("Transfer-Encoding", "gzip, chunked")],
    "chunked twice": [("Transfer-Encoding", "chunked, chunked")],
    "two codings": [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")],
    "chunked not last": [("Transfer-Encoding", "chunked, identity")],
    "a disguised coding": [("Transfer-Encoding", "\x0bchunked")],
    "a quoted coding": [("Transfer-Encoding", '"chunked"')],
    "space before the colon": [("Content-Length ", "4")],
    "space before the name": [("X", "1\r\n Content-Length: 4")],
    "a bare newline": [("X", "1\nContent-Length: 4")],
    "a bare carriage return": [("X", "1\rContent-Length: 4")],
    "a null byte": [("X", "a\x00b")],
    "two hosts": [("Host", "evil.test")],
    "no name": [("", "x")],
}


@pytest.mark.parametrize("fault", SMUGGLING)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD"])
def test_an_ambiguous_head_is_refused_and_the_connection_closed(server, alice, s3, filled, plaintext, method, fault):
    names = sign(alice, method, f"/{filled}/k", [], {"Host": server.authority(plaintext)}, payload_hash=UNSIGNED, region="us-east-1")
    smuggled = request(server, alice, "DELETE", f"/{filled}/k", plaintext=plaintext)
    with server.connect(plaintext=plaintext) as stream:
        stream.sendall(head(method, f"/{filled}/k", [*names, *SMUGGLING[fault]]) + b"0\r\n\r\n" + smuggled)
        answer = read_answer(reader(stream), method)
        assert 400 <= answer.status <= 501, answer.status
        assert answer.status not in (403, 404)
        assert answer.headers["x-amz-request-id"]
        assert closes(stream)
    assert s3.get_object(Bucket=filled, Key="k")["Body"].read() == b"precious"


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"G<T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT evil.test:80 HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: local host\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 5000 + b"\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=range(16),
)
def test_what_is_no_request_ends_the_connection(server, plaintext, line):
    with server.connect(plaintext=plaintext) as stream:
        try:
            stream.sendall(line)
            answer = read_answer(reader(stream))
        except (ConnectionError, ssl.SSLError, OSError):
            return
        assert 400 <= answer.status <= 505
        assert answer.status == 403 or closes(stream) or answer.status in (400, 405)


def test_expect_is_answered_before_the_body(server, alice, s3, filled, plaintext):
    body = b"x" * 1000
    whole = request(server, alice, "PUT", f"/{filled}/e", headers={"Expect": "100-continue"}, body=body, plaintext=plaintext)
    with server.connect(plaintext=plaintext) as stream:
        stream.sendall(whole[: -len(body)])
        answers = reader(stream)
        assert answers.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answers.file.readline() == b"\r\n"
        stream.sendall(body)
        assert read_answer(answers).status == 200
    assert s3.head_object(Bucket=filled, Key="e")["ContentLength"] == 1000


@pytest.mark.parametrize("why", ["no bucket", "bad signature", "anonymous", "denied", "condition"])
def test_a_refused_upload_is_refused_before_its_body(server, alice, bob, filled, why):
    account = bob if why == "denied" else alice
    path = f"/{filled}-none/k" if why == "no bucket" else f"/{filled}/k"
    names = {"Host": server.authority(), "Expect": "100-continue", "Content-Length": "1000000"}
    if why == "condition":
        names["If-None-Match"] = "*"
    signed = sign(account, "PUT", path, [], names, payload_hash=UNSIGNED, region="us-east-1", secret="wrong" if why == "bad signature" else None)
    if why == "anonymous":
        signed = list(names.items())
    with server.connect() as stream:
        stream.sendall(head("PUT", path, signed))
        answers = reader(stream)
        line = answers.file.readline()
        expected = {"no bucket": b"404", "bad signature": b"403", "anonymous": b"403", "denied": b"403", "condition": b"412"}[why]
        assert line.split()[1] == expected, line


def test_a_length_is_required(server, alice, bucket):
    signed = sign(alice, "PUT", f"/{bucket}/k", [], {"Host": server.authority()}, payload_hash=EMPTY_SHA256, region="us-east-1")
    with server.connect() as stream:
        stream.sendall(head("PUT", f"/{bucket}/k", signed))
        answer = read_answer(reader(stream))
        assert answer.status in (200, 411)


def test_a_body_that_ends_early_stores_nothing(server, alice, s3, filled):
    body = b"y" * 100_000
    whole = request(server, alice, "PUT", f"/{filled}/k", body=body)
    with server.connect() as stream:
        stream.sendall(whole[:-1])
    time.sleep(0.2)
    assert s3.get_object(Bucket=filled, Key="k")["Body"].read() == b"precious"


def test_a_client_that_goes_away_while_reading_harms_nobody(server, alice, s3, bucket):
    s3.put_object(Bucket=bucket, Key="big", Body=b"z" * 8_000_000)
    for _ in range(5):
        with server.connect() as stream:
            stream.sendall(request(server, alice, "GET", f"/{bucket}/big"))
            stream.recv(1000)
    assert s3.head_object(Bucket=bucket, Key="big")["ContentLength"] == 8_000_000


def test_a_slow_reader_gets_everything(server, alice, s3, bucket):
    s3.put_object(Bucket=bucket, Key="big", Body=b"z" * 3_000_000)
    with server.connect() as stream:
        stream.sendall(request(server, alice, "GET", f"/{bucket}/big"))
        time.sleep(1)
        assert len(read_answer(reader(stream)).body) == 3_000_000


HOSTILE_XML = {
    "a document type": b'<!DOCTYPE a [<!ENTITY x "y">]><Tagging><TagSet><Tag><Key>&x;</Key><Value>v</Value></Tag></TagSet></Tagging>',
    "an external entity": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Tagging><TagSet/></Tagging>',
    "an entity": b"<Tagging><TagSet><Tag><Key>&undefined;</Key><Value>v</Value></Tag></TagSet></Tagging>",
    "an instruction": b"<?php evil?><Tagging><TagSet/></Tagging>",
    "no end": b"<Tagging><TagSet>",
    "another root": b"<Other/>",
    "two roots": b"<Tagging><TagSet/></Tagging><Tagging/>",
    "no text": b"",
    "no XML": b"{}",
    "depth": b"<Tagging>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</Tagging>",
    "count": b"<Tagging><TagSet>" + b"<a/>" * 200_000 + b"</TagSet></Tagging>",
    "no UTF-8": b"<Tagging><TagSet><Tag><Key>\xff</Key><Value>v</Value></Tag></TagSet></Tagging>",
    "a missing member": b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
}


@pytest.mark.parametrize("fault", HOSTILE_XML)
def test_hostile_xml_is_malformed(server, alice, s3, filled, fault):
    body = HOSTILE_XML[fault]
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answer = server.signed(alice, "PUT", f"/{filled}", [("tagging", None)], {"Content-MD5": md5}, body)
    assert answer.status == 400, (answer.status, answer.body)
    assert answer.code in ("MalformedXML", "MissingRequestBodyError", "MaxMessageLengthExceeded"), answer.body
    assert b"root:" not in answer.body


def test_unknown_elements_and_namespaces_are_tolerated(server, alice, s3, filled):
    body = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- note --><Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<TagSet><Tag><Key>a</Key><Value><![CDATA[b]]></Value></Tag></TagSet></Tagging>"
    )
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answer = server.signed(alice, "PUT", f"/{filled}", [("tagging", None)], {"Content-MD5": md5}, body)
    assert answer.status in (200, 204), answer.body
    assert s3.get_bucket_tagging(Bucket=filled)["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_answers_cannot_be_made_to_carry_other_headers(server, alice, s3, filled):
    for value in ("a\r\nX-Injected: 1", "a\nX-Injected: 1"):
        s3_key = f"k{value}"
        answer = server.signed(alice, "PUT", f"/{filled}/{s3_key}", body=b"x")
        assert "X-Injected" not in answer.headers
        answer = server.signed(alice, "GET", f"/{filled}", [("location", None), ("x", value)])
        assert "X-Injected" not in answer.headers


def test_a_hundred_idle_connections_keep_nobody_out(server, alice, filled):
    idle = [server.connect(plaintext=True) for _ in range(100)]
    try:
        assert server.signed(alice, "GET", f"/{filled}/k").body == b"precious"
        ready, _, _ = select.select(idle, [], [], 0)
        assert len(ready) == 0
    finally:
        for each in idle:
            each.close()


@pytest.mark.parametrize("headers", [{}, {"x-amz-copy-source": "/bucket/key"}])
def test_a_write_names_no_version(server, alice, s3, bucket, headers):
    answer = server.signed(alice, "PUT", f"/{bucket}/k", [("versionId", "null")], headers, b"")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


def test_a_copy_source_may_have_its_slash_encoded(s3, server, alice, bucket):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    answer = server.signed(alice, "PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": f"{bucket}%2Fa%2Fb"})
    assert answer.status == 200, answer.body
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"x"


def test_a_bucket_that_goes_during_an_upload_is_said_to_be_gone(server, alice, s3, name):
    s3.create_bucket(Bucket=name)
    body = b"x" * 100
    signed = sign(
        alice, "PUT", f"/{name}/k", (), {"Host": server.authority()}, payload_hash=UNSIGNED, region=server.region
    )
    with server.connect() as stream:
        stream.sendall(head("PUT", f"/{name}/k", with_defaults(signed, body, server.authority())) + body[:50])
        time.sleep(0.3)
        s3.delete_bucket(Bucket=name)
        stream.sendall(body[50:])
        answer = read_answer(stream, "PUT")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_the_name_of_s3_controls_paths_is_no_buckets(server, alice):
    answer = server.signed(alice, "PUT", "/v20180820")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\x7fb"])
def test_a_header_chosen_for_the_answer_is_one(server, alice, filled, value):
    answer = server.signed(alice, "GET", f"/{filled}/k", [("response-content-disposition", value)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("header", ["If-Modified-Since", "If-Unmodified-Since"])
def test_a_condition_whose_date_is_none_is_ignored(server, alice, filled, header):
    """RFC 9110, sections 13.1.3 and 13.1.4."""
    answer = server.signed(alice, "GET", f"/{filled}/k", headers={header: "yesterday"})
    assert (answer.status, answer.body) == (200, b"precious")


def test_an_attribute_that_is_none_is_an_argument(server, alice, filled):
    answer = server.signed(alice, "GET", f"/{filled}/k", [("attributes", "")], {"x-amz-object-attributes": "ETag,Colour"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_form_beside_a_signed_head_is_refused(server, alice, bob, bucket):
    body = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x--\r\n'
    answer = server.signed(bob, "POST", f"/{bucket}", headers={"Content-Type": "multipart/form-data; boundary=x"}, body=body)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert "Only one auth mechanism" in answer.message


SERVICES = [
    ("kms", "list_keys", {}),
    ("cloudtrail", "describe_trails", {}),
    ("cloudwatch", "list_metrics", {}),
    ("macie2", "get_macie_session", {}),
]


@pytest.mark.parametrize(("service", "method", "arguments"), SERVICES, ids=[name for name, *_ in SERVICES])
def test_a_service_that_is_not_built_says_so_to_those_who_sign_well(server, alice, service, method, arguments):
    client = server.client(alice, service)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(client, method)(**arguments)
    answer = caught.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (501, "NotImplemented")
    forged = dataclasses.replace(alice, secret_key="x" * 40)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(server.client(forged, service), method)(**arguments)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_a_stranger_is_denied_before_a_document_is_judged(server, alice, bob, bucket):
    for account, expected in ((bob, (403, "AccessDenied")), (alice, (400, "MalformedXML"))):
        body = b"<Versioning"
        headers = {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}
        answer = server.signed(account, "PUT", f"/{bucket}", [("versioning", "")], headers, body)
        assert (answer.status, answer.code) == expected
    answer = server.signed(bob, "PUT", f"/{bucket}-none", [("versioning", "")], {}, b"<Versioning")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_a_bucket_has_one_name(server, alice, bucket):
    answer = server.signed(alice, "PUT", f"/arn:aws:s3:::{bucket}/k", body=b"x")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


def test_a_key_may_begin_as_the_paths_of_s3_control_do(s3_virtual, s3, bucket):
    s3_virtual.put_object(Bucket=bucket, Key="v20180820/configuration/publicAccessBlock", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="v20180820/configuration/publicAccessBlock")["Body"].read() == b"x"


def test_an_upload_without_a_length_is_refused(server, alice, s3, bucket):
    signed = sign(
        alice, "PUT", f"/{bucket}/k", (), {"Host": server.authority()}, payload_hash=EMPTY_SHA256, region=server.region
    )
    answer = server.http("PUT", f"/{bucket}/k", signed)
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


def test_browsers_are_told_to_keep_to_tls_except_on_this_machine(server):
    """RFC 6797: said over TLS alone, and not for localhost, where other programs listen without it."""
    strict = {}
    for host, plaintext in [("s3.example.com", False), ("s3.example.com", True), ("localhost:9000", False), ("b.s3.localhost", False)]:
        answer = server.http("GET", "/", {"Host": host}, plaintext=plaintext)
        strict[host, plaintext] = answer.headers["Strict-Transport-Security"]
    assert strict.pop(("s3.example.com", False)) == "max-age=31536000"
    assert set(strict.values()) == {None}
