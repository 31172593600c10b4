"""Nobody uses up what others need: time, connections, memory, disk, or the budget of records.

CVE-2022-31028 and CVE-2019-3821 (idle and slow connections), CVE-2018-1000538 and lakeFS CVE-2025-27100 (bodies without bound),
CVE-2018-16846 and CVE-2023-46159 (heads and listings), and the floods of junk that every store on the internet gets. The
limits are those of `strongroom serve --print-limits`, some of them made small for the tests.
"""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from harness import EMPTY_SHA256, MIB, UNSIGNED, Server, binary, head, many_sources, path_and_query, read_answer, reader, refused, sign, with_defaults

LIMITS = """
[limits]
max_connections = 300
max_connections_per_source = 40
tls_handshake_timeout_seconds = 1
header_read_timeout_seconds = 1
idle_timeout_seconds = 1
body_idle_timeout_seconds = 1
write_idle_timeout_seconds = 1
slow_start_seconds = 2
min_bytes_per_second = 20000
max_uploads = 8
max_uploads_per_account = 5
max_downloads = 4
max_downloads_per_account = 3
"""

#: The longest that a connection whose time is up may still be there, on a busy machine.
SOON = 15


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server with little patience."""
    home = tmp_path_factory.mktemp("strict")
    config = home / "server.toml"
    config.write_text(LIMITS)
    server = Server(home, extra=["--config", str(config)]).start()
    server.client(server.root).create_bucket(Bucket="bucket")
    yield server
    if server.process is not None:
        server.kill()


@pytest.fixture(scope="module")
def bob_(strict):
    return strict.create_account("bob@example.com")


@pytest.fixture(params=[True, False], ids=["plaintext", "tls"])
def plaintext(request):
    return request.param


def alive(server):
    """Whether somebody else is served, and soon."""
    before = time.monotonic()
    answer = server.signed(server.root, "GET", "/bucket", [("location", None)], plaintext=True)
    assert answer.status == 200, answer.body
    return time.monotonic() - before


def until_closed(stream, send=b"", pause=0.1):
    """How long the other side keeps the connection, and what it says; `send` is repeated while it does."""
    began, said = time.monotonic(), b""
    stream.settimeout(pause)
    while time.monotonic() - began < SOON:
        try:
            if send:
                stream.sendall(send)
            piece = stream.recv(65_536)
            if not piece:
                return time.monotonic() - began, said
            said += piece
        except (TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            continue
        except (ConnectionError, ssl.SSLError):
            return time.monotonic() - began, said
        if send:
            time.sleep(pause)
    raise AssertionError(f"still open after {SOON} s; it said {said[:200]}")


def put_head(server, account, length, *, path="/bucket/slow", plaintext=True, headers=()):
    body_hash = UNSIGNED if not plaintext else hashlib.sha256(bytes(length)).hexdigest()
    names = {"Host": server.authority(plaintext), "Content-Length": str(length)} | dict(headers)
    return head("PUT", path, sign(account, "PUT", path, [], names, payload_hash=body_hash, region="us-east-1"))


# Time


@pytest.mark.parametrize(
    "said",
    [b"", b"\r\n", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", b"PUT /k HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000],
    ids=["nothing", "an empty line", "a byte", "half a head", "half a long head"],
)
def test_a_head_that_does_not_come_ends_the_connection(strict, plaintext, said):
    with strict.connect(plaintext=plaintext) as stream:
        stream.sendall(said)
        took, answer = until_closed(stream)
    assert took < SOON
    assert answer == b"" or b"<Code>RequestTimeout</Code>" in answer
    alive(strict)


def test_a_head_that_trickles_ends_the_connection(strict, plaintext):
    with strict.connect(plaintext=plaintext) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        _, answer = until_closed(stream, send=b"y")
    assert answer == b"" or b"<Code>RequestTimeout</Code>" in answer


def test_empty_lines_are_no_way_to_stay(strict, plaintext):
    with strict.connect(plaintext=plaintext) as stream:
        until_closed(stream, send=b"\r\n")


def test_an_idle_connection_ends_after_its_last_answer(strict, plaintext):
    with strict.connect(plaintext=plaintext) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(reader(stream)).status == 403
        until_closed(stream)


@pytest.mark.parametrize("framing", ["length", "chunked", "aws-chunked"])
def test_a_body_that_stops_ends_the_request(strict, plaintext, framing):
    more = {"Content-Length": "100000"}
    if framing != "length":
        more = {"Transfer-Encoding": "chunked"}
    sha = UNSIGNED if not plaintext else hashlib.sha256(bytes(100_000)).hexdigest()
    if framing == "aws-chunked":
        sha = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        more |= {"x-amz-decoded-content-length": "100000"}
    elif framing == "chunked":
        more |= {"x-amz-decoded-content-length": "100000"} if sha.startswith("STREAMING") else {}
    names = {"Host": strict.authority(plaintext)} | more
    signed = sign(strict.root, "PUT", "/bucket/slow", [], names, payload_hash=sha, region="us-east-1")
    with strict.connect(plaintext=plaintext) as stream:
        stream.sendall(head("PUT", "/bucket/slow", signed))
        stream.sendall(b"4000\r\n" + bytes(100) if framing != "length" else bytes(100))
        _, answer = until_closed(stream)
    # A chunked body without a length is refused at once; the connection ends all the same.
    assert b"<Code>RequestTimeout</Code>" in answer or b"<Code>MissingContentLength</Code>" in answer, answer
    assert refused(strict.client(strict.root).head_object, Bucket="bucket", Key="slow") == ("404", 404)


def test_a_body_that_trickles_ends_the_request(strict, plaintext):
    """Never idle for long, and never done: what counts is the least rate."""
    with strict.connect(plaintext=plaintext) as stream:
        stream.sendall(put_head(strict, strict.root, 10_000_000, plaintext=plaintext))
        _, answer = until_closed(stream, send=b"y" * 10)
    assert b"<Code>RequestTimeout</Code>" in answer, answer
    assert refused(strict.client(strict.root).head_object, Bucket="bucket", Key="slow") == ("404", 404)


@pytest.mark.parametrize("what", ["a form", "a document", "a call of another service"])
def test_what_is_read_whole_trickles_no_longer(strict, what):
    if what == "a form":
        bytes_ = head("POST", "/bucket", [("Host", "a"), ("Content-Type", "multipart/form-data; boundary=x"), ("Content-Length", "9999")])
        piece = b"y"
    elif what == "a document":
        names = {"Host": strict.authority(True), "Content-Length": "9999", "Content-MD5": base64.b64encode(bytes(16)).decode()}
        signed = sign(strict.root, "PUT", "/bucket", [("tagging", None)], names, payload_hash="0" * 64, region="us-east-1")
        bytes_, piece = head("PUT", "/bucket?tagging", signed), b"<"
    else:
        names = {"Host": strict.authority(True), "Content-Length": "9999", "Content-Type": "application/x-www-form-urlencoded"}
        signed = sign(strict.root, "POST", "/", [], names, payload_hash="0" * 64, region="us-east-1", service="sts")
        bytes_, piece = head("POST", "/", signed), b"A"
    with strict.connect(plaintext=True) as stream:
        stream.sendall(bytes_)
        until_closed(stream, send=piece)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16",
        b"\x16\x03\x01\x02\x00",
        b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(32),
        b"\x15\x03\x01\x00\x02\x01\x00",
    ],
    ids=["nothing", "a byte", "a record's head", "half a hello", "an alert"],
)
@pytest.mark.parametrize("trickle", [b"", b"\x00"], ids=["", "and trickles on"])
def test_a_handshake_that_never_ends_does(strict, said, trickle):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=5) as stream:
        stream.sendall(said)
        took, _ = until_closed(stream, send=trickle)
    assert took < SOON
    alive(strict)


def test_after_a_handshake_silence_ends(strict):
    with strict.connect() as stream:
        until_closed(stream)


def test_who_takes_nothing_of_an_answer_is_let_go(strict, plaintext):
    s3 = strict.client(strict.root)
    s3.put_object(Bucket="bucket", Key="big", Body=bytes(32 * MIB))
    names = {"Host": strict.authority(plaintext)}
    signed = sign(strict.root, "GET", "/bucket/big", [], names, payload_hash=EMPTY_SHA256, region="us-east-1")
    with strict.connect(plaintext=plaintext) as stream:
        stream.sendall(head("GET", "/bucket/big", signed))
        time.sleep(4)
        got = drained(stream)
    assert got < 32 * MIB


def test_who_takes_an_answer_drop_by_drop_is_let_go(strict):
    s3 = strict.client(strict.root)
    s3.put_object(Bucket="bucket", Key="big", Body=bytes(32 * MIB))
    names = {"Host": strict.authority(True)}
    signed = sign(strict.root, "GET", "/bucket/big", [], names, payload_hash=EMPTY_SHA256, region="us-east-1")
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.connect(("127.0.0.1", strict.plain_port))
        stream.sendall(head("GET", "/bucket/big", signed))
        began = time.monotonic()
        # The system may hold what was written last for the client; the server itself holds the connection no longer.
        while stream.recv(3000) and any_socket(strict, stream.getsockname()[1]):
            assert time.monotonic() - began < SOON, "the server still holds the connection"
            time.sleep(0.3)


def any_socket(server, port):
    """Whether the server's process has the connection from a port of this machine."""
    inodes = set()
    for line in pathlib.Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].split(":")[1], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    links = set()
    for link in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.add(os.readlink(link))
    return bool(inodes & links)


def drained(stream):
    """Bytes that still come."""
    got = 0
    stream.settimeout(5)
    with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
        while piece := stream.recv(MIB):
            got += len(piece)
    return got


# Places


def test_one_source_has_its_connections_and_no_more(strict):
    held = []
    try:
        for _ in range(60):
            held.append(socket.create_connection(("127.0.0.1", strict.plain_port), source_address=("127.9.9.9", 0), timeout=5))
        # The last twenty are closed unread; the others have a second to say something.
        for stream in held[40:]:
            with contextlib.suppress(ConnectionError):
                assert stream.recv(1) == b""
        assert alive(strict) < SOON
    finally:
        for stream in held:
            stream.close()


def test_many_sources_have_the_connections_that_there_are(strict):
    """Beyond the total nobody new is let in; what is idle makes room again within its time."""
    sources, held = many_sources(), []
    try:
        for _ in range(400):
            held.append(socket.create_connection(("127.0.0.1", strict.plain_port), source_address=(next(sources), 0), timeout=5))
        deadline = time.monotonic() + SOON
        while True:
            try:
                alive(strict)
                break
            except (ConnectionError, AssertionError, OSError):
                assert time.monotonic() < deadline, "idle connections keep everybody out"
                time.sleep(0.1)
    finally:
        for stream in held:
            stream.close()


def upload(server, account, name, **options):
    """An upload that has sent all but its last byte."""
    stream = server.connect(plaintext=True)
    stream.sendall(put_head(server, account, 1000, path=f"/bucket/{name}", **options) + bytes(999))
    return stream


def test_an_account_has_its_uploads_and_the_others_theirs(strict, bob_):
    s3 = strict.client(strict.root)
    strict.client(bob_).create_bucket(Bucket="bucket-of-bob")
    # They must be under way at once, for less than the server's patience.
    held = [upload(strict, strict.root, f"held-{at}") for at in range(5)]
    try:
        time.sleep(0.2)
        more = put_head(strict, strict.root, 1000, path="/bucket/more", headers={"Expect": "100-continue"})
        with strict.connect(plaintext=True) as stream:
            stream.sendall(more)
            answer = read_answer(reader(stream))
        assert (answer.status, answer.code) == (503, "SlowDown"), "asked for its body, or stored it"
        assert strict.signed(strict.root, "GET", "/bucket", [("location", None)], plaintext=True).status == 200
        theirs = strict.signed(bob_, "PUT", "/bucket-of-bob/k", body=b"x", plaintext=True)
        assert theirs.status == 200, theirs.body
        for stream in held:
            stream.sendall(b"\x00")
            assert read_answer(reader(stream)).status == 200
    finally:
        for stream in held:
            stream.close()
    assert refused(s3.head_object, Bucket="bucket", Key="more") == ("404", 404)
    assert strict.signed(strict.root, "PUT", "/bucket/more", body=b"x").status == 200, "places are given back"


def download(server, account):
    """A long answer of which nothing is taken yet."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.connect(("127.0.0.1", server.plain_port))
    names = {"Host": server.authority(True)}
    signed = sign(account, "GET", "/bucket/long", [], names, payload_hash=EMPTY_SHA256, region="us-east-1")
    stream.sendall(head("GET", "/bucket/long", signed))
    return stream


def test_an_account_has_its_downloads_and_the_others_theirs(strict, bob_):
    """Each long answer that is not taken holds what was read for it."""
    s3, theirs = strict.client(strict.root), strict.client(bob_)
    s3.put_object(Bucket="bucket", Key="long", Body=bytes(32 * MIB))
    s3.put_object(Bucket="bucket", Key="short", Body=bytes(100_000))
    theirs.create_bucket(Bucket="bucket-of-bob-too")
    theirs.put_object(Bucket="bucket-of-bob-too", Key="long", Body=bytes(MIB))
    held = [download(strict, strict.root) for _ in range(3)]
    try:
        for stream in held:
            assert stream.recv(12) == b"HTTP/1.1 200"
        more = strict.signed(strict.root, "GET", "/bucket/long", plaintext=True)
        assert (more.status, more.code) == (503, "SlowDown")
        assert len(strict.signed(strict.root, "GET", "/bucket/short", plaintext=True).body) == 100_000
        assert len(strict.signed(bob_, "GET", "/bucket-of-bob-too/long", plaintext=True).body) == MIB
    finally:
        for stream in held:
            stream.close()
    deadline = time.monotonic() + SOON
    while strict.signed(strict.root, "GET", "/bucket/long", plaintext=True).status != 200:
        assert time.monotonic() < deadline, "places are given back"
        time.sleep(0.1)


def test_who_may_not_write_takes_no_place(strict, bob_):
    held = [upload(strict, bob_, f"denied-{at}") for at in range(8)]
    try:
        time.sleep(0.2)
        assert strict.signed(strict.root, "PUT", "/bucket/k", body=b"x").status == 200
    finally:
        for stream in held:
            stream.close()


# Sizes


def limits():
    done = subprocess.run([binary(), "serve", "--print-limits", "--output", "json"], capture_output=True, check=True, text=True)
    return {(each["of"], each["name"]): each["value"] for each in json.loads(done.stdout)["limits"]}


KNOWN = limits()


def md5(body):
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


def tagging(text):
    return f"<Tagging><TagSet><Tag><Key>k</Key><Value>{text}</Value></Tag></TagSet></Tagging>"


def document(server, account, body, query="tagging", method="PUT", path="/bucket"):
    body = body.encode() if isinstance(body, str) else body
    return server.signed(account, method, path, [(query, None)], md5(body), body)


def at(of, name):
    return int(KNOWN[of, name])


def deletes(count):
    return "<Delete><Quiet>true</Quiet>" + "<Object><Key>k</Key></Object>" * count + "</Delete>"


def completion(server, account, number):
    return server.signed(account, "PUT", "/bucket/k", [("partNumber", str(number)), ("uploadId", begun(server, account))], body=b"x")


def plain_get(server, account, *, path="/bucket/none", query=(), headers=()):
    return server.signed(account, "GET", path, list(query), dict(headers))


def long_form(server, account, *, fields=1, size=0, boundary="x", preamble=b""):
    parts = preamble + b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="x-ignore-{each}"\r\n\r\n{"y" * size}\r\n'.encode() for each in range(fields)
    )
    parts += f'--{boundary}\r\nContent-Disposition: form-data; name="file"\r\n\r\nbody\r\n--{boundary}--\r\n'.encode()
    return server.http("POST", "/bucket", {"Content-Type": f"multipart/form-data; boundary={boundary}"}, parts)


#: For each limit: a request within it, and one beyond; the first must not be refused for its size.
PROBES = {
    ("head", "max_request_line_bytes"): (
        lambda s, a: plain_get(s, a, query=[("x", "y" * 10_000)]),
        lambda s, a: plain_get(s, a, query=[("x", "y" * at("head", "max_request_line_bytes"))]),
    ),
    ("head", "max_head_bytes"): (
        lambda s, a: plain_get(s, a, headers={"x-amz-meta-a": "y" * 20_000}),
        lambda s, a: plain_get(s, a, headers={"x-amz-meta-a": "y" * at("head", "max_head_bytes")}),
    ),
    ("head", "max_header_fields"): (
        lambda s, a: plain_get(s, a, headers={f"x-{each}": "" for each in range(100)}),
        lambda s, a: plain_get(s, a, headers={f"x-{each}": "" for each in range(at("head", "max_header_fields"))}),
    ),
    ("head", "max_method_bytes"): (None, lambda s, a: s.http("M" * (at("head", "max_method_bytes") + 1), "/")),
    ("head", "max_query_parameters"): (
        lambda s, a: plain_get(s, a, query=[(f"x{each}", "") for each in range(at("signature", "max_query_parameters") - 1)]),
        lambda s, a: s.http("GET", "/bucket?" + "&".join("x" for _ in range(at("head", "max_query_parameters") + 1))),
    ),
    ("signature", "max_query_parameters"): (
        None,
        lambda s, a: plain_get(s, a, query=[(f"x{each}", "") for each in range(at("signature", "max_query_parameters") + 1)]),
    ),
    ("signature", "max_session_token_bytes"): (
        None,
        lambda s, a: plain_get(s, a, headers={"x-amz-security-token": "t" * (at("signature", "max_session_token_bytes") + 1)}),
    ),
    ("document", "max_body_bytes"): (
        lambda s, a: document(s, a, "<Tagging><TagSet/></Tagging>" + " " * 1_000_000),
        lambda s, a: declared(s, a, at("document", "max_body_bytes") + 1, "PUT", "/bucket", [("tagging", None)]),
    ),
    ("document", "max_long_body_bytes"): (
        lambda s, a: document(s, a, deletes(1) + " " * 4_000_000, "delete", "POST"),
        lambda s, a: declared(s, a, at("document", "max_long_body_bytes") + 1, "POST", "/bucket", [("delete", None)]),
    ),
    ("document", "max_xml_depth"): (
        lambda s, a: document(s, a, tagging("v").replace("</Tagging>", "<x>" * 20 + "</x>" * 20 + "</Tagging>")),
        lambda s, a: document(s, a, tagging("v").replace("</Tagging>", "<x>" * 60 + "</x>" * 60 + "</Tagging>")),
    ),
    ("document", "max_xml_elements"): (
        lambda s, a: document(s, a, tagging("v").replace("</Tagging>", "<x/>" * 50_000 + "</Tagging>")),
        lambda s, a: document(s, a, tagging("v").replace("</Tagging>", "<x/>" * (at("document", "max_xml_elements") + 1) + "</Tagging>")),
    ),
    ("document", "max_xml_attributes"): (
        lambda s, a: document(s, a, tagging("v").replace("<Tagging>", "<Tagging " + " ".join(f"a{n}='b'" for n in range(10)) + ">")),
        lambda s, a: document(s, a, tagging("v").replace("<Tagging>", "<Tagging " + " ".join(f"a{n}='b'" for n in range(40)) + ">")),
    ),
    ("document", "max_xml_text_bytes"): (
        None,
        lambda s, a: document(s, a, tagging("v" * (at("document", "max_xml_text_bytes") + 1))),
    ),
    ("document", "max_rpc_body_bytes"): (
        lambda s, a: s.signed(a, "POST", "/", headers={"Content-Type": "application/x-www-form-urlencoded"}, body=b"Action=GetCallerIdentity&Version=2011-06-15&x=" + b"y" * 100_000, service="sts"),
        lambda s, a: s.signed(a, "POST", "/", headers={"Content-Type": "application/x-www-form-urlencoded"}, body=b"Action=GetCallerIdentity&Version=2011-06-15&x=" + b"y" * at("document", "max_rpc_body_bytes"), service="sts"),
    ),
    ("form", "max_form_fields_bytes"): (None, lambda s, a: long_form(s, a, size=at("form", "max_form_fields_bytes") + 1)),
    ("form", "max_form_fields"): (None, lambda s, a: long_form(s, a, fields=at("form", "max_form_fields") + 1)),
    ("form", "max_form_preamble_bytes"): (None, lambda s, a: long_form(s, a, preamble=b"p" * (at("form", "max_form_preamble_bytes") + 70_000) + b"\r\n")),
    ("form", "max_form_boundary_bytes"): (None, lambda s, a: long_form(s, a, boundary="x" * (at("form", "max_form_boundary_bytes") + 1))),
    ("object", "max_user_metadata_bytes"): (
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-meta-a": "y" * 2000}, body=b"x"),
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-meta-a": "y" * (at("object", "max_user_metadata_bytes") + 1)}, body=b"x"),
    ),
    ("object", "max_object_tags"): (
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-tagging": "&".join(f"k{n}=v" for n in range(10))}, body=b"x"),
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-tagging": "&".join(f"k{n}=v" for n in range(11))}, body=b"x"),
    ),
    ("object", "max_tag_key_chars"): (
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-tagging": "k" * 128 + "=v"}, body=b"x"),
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-tagging": "k" * 129 + "=v"}, body=b"x"),
    ),
    ("object", "max_tag_value_chars"): (
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-tagging": "k=" + "v" * 256}, body=b"x"),
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-tagging": "k=" + "v" * 257}, body=b"x"),
    ),
    ("object", "max_website_redirect_bytes"): (
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-website-redirect-location": "/" + "y" * 2000}, body=b"x"),
        lambda s, a: s.signed(a, "PUT", "/bucket/k", headers={"x-amz-website-redirect-location": "/" + "y" * 2048}, body=b"x"),
    ),
    ("object", "max_deletes"): (
        lambda s, a: document(s, a, deletes(1000), "delete", "POST"),
        lambda s, a: document(s, a, deletes(1001), "delete", "POST"),
    ),
    ("object", "max_part_number"): (
        lambda s, a: completion(s, a, 10_000),
        lambda s, a: completion(s, a, 10_001),
    ),
    ("object", "max_put_bytes"): (
        None,
        lambda s, a: declared(s, a, at("object", "max_put_bytes") + 1),
    ),
    ("object", "max_part_bytes"): (
        None,
        lambda s, a: declared(s, a, at("object", "max_part_bytes") + 1, query=[("partNumber", "1"), ("uploadId", begun(s, a))]),
    ),
    ("object", "max_key_bytes"): (
        lambda s, a: s.signed(a, "PUT", "/bucket/" + "k" * 1024, body=b"x"),
        lambda s, a: s.signed(a, "PUT", "/bucket/" + "k" * 1025, body=b"x"),
    ),
    ("bucket", "max_bucket_tags"): (
        lambda s, a: document(s, a, tags(50)),
        lambda s, a: document(s, a, tags(51)),
    ),
    ("bucket", "max_cors_rules"): (
        lambda s, a: document(s, a, cors(100), "cors"),
        lambda s, a: document(s, a, cors(101), "cors"),
    ),
    ("bucket", "max_cors_bytes"): (
        None,
        lambda s, a: document(s, a, cors(1, "https://" + "x" * 70_000), "cors"),
    ),
    ("bucket", "max_routing_rules"): (
        lambda s, a: document(s, a, website(50), "website"),
        lambda s, a: document(s, a, website(51), "website"),
    ),
}


def tags(count):
    return "<Tagging><TagSet>" + "".join(f"<Tag><Key>k{n}</Key><Value>v</Value></Tag>" for n in range(count)) + "</TagSet></Tagging>"


def cors(count, origin="*"):
    rule = f"<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>{origin}</AllowedOrigin></CORSRule>"
    return "<CORSConfiguration>" + rule * count + "</CORSConfiguration>"


def website(count):
    rule = "<RoutingRule><Redirect><HostName>a</HostName></Redirect></RoutingRule>"
    return f"<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules>{rule * count}</RoutingRules></WebsiteConfiguration>"


def begun(server, account):
    return server.client(account).create_multipart_upload(Bucket="bucket", Key="k")["UploadId"]


def declared(server, account, length, method="PUT", path="/bucket/k", query=()):
    """A body that is only said to be so long."""
    names = {"Host": server.authority(), "Content-Length": str(length), "Expect": "100-continue", "Content-MD5": base64.b64encode(bytes(16)).decode()}
    signed = sign(account, method, path, list(query), names, payload_hash=UNSIGNED, region="us-east-1")
    with server.connect() as stream:
        stream.sendall(head(method, path_and_query(path, query), signed))
        return read_answer(reader(stream))


TOO_MUCH = (400, 403, 404, 405, 411, 413, 414, 416, 431)


@pytest.fixture(scope="module")
def sized(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("sized")).start()
    server.client(server.root).create_bucket(Bucket="bucket")
    server.sources = many_sources()
    yield server
    if server.process is not None:
        server.kill()


@pytest.mark.parametrize("limit", PROBES, ids="-".join)
def test_what_is_beyond_a_limit_is_refused_and_what_is_within_is_not(sized, limit):
    within, beyond = PROBES[limit]
    if within:
        answer = within(sized, sized.root)
        assert answer.status in (200, 204) or answer.code in ("NoSuchKey", "MethodNotAllowed"), answer.body
    answer = beyond(sized, sized.root)
    assert answer.status in TOO_MUCH and answer.code not in ("NoSuchKey", "InternalError"), (answer.status, answer.body)


#: Limits that are kept to where no request of a client shows it, or that other tests here and elsewhere show.
ELSEWHERE = {
    "connection": "above: time and places; the rest in the listener's own tests",
    "unknown callers": "below: floods",
    "body": "above: uploads",
    "record": "the recorder's own tests",
    "signature": "the tests of sigv4",
    "retention": "the trail's own tests",
    "scrub": "the tests of the scrub",
    "audit_log": "the trail's own tests",
    "issuer": "tests/test_web_identity.py, and the tests of the keys of issuers in the server",
}
NOT_BY_A_REQUEST = {
    ("head", "max_chunk_line_bytes"),
    ("head", "max_trailer_bytes"),
    ("document", "max_document_bytes_at_once"),
    ("document", "max_document_bytes_at_once_per_account"),
    ("document", "max_tree_depth"),
    ("document", "max_tree_values"),
    ("document", "max_form_parameters"),
    ("document", "max_form_depth"),
    ("form", "max_post_age"),
    ("form", "max_post_policy_bytes"),
    ("form", "max_post_conditions"),
    ("object", "max_copy_source_bytes"),
    ("object", "max_listed"),
    ("object", "min_part_bytes"),
    ("object", "max_object_bytes"),
    ("bucket", "max_buckets_per_account"),
}


def test_every_limit_that_is_shown_is_tried():
    left = [limit for limit in KNOWN if limit not in PROBES and limit[0] not in ELSEWHERE and limit not in NOT_BY_A_REQUEST]
    assert left == []
    assert {limit for limit in PROBES if limit not in KNOWN} == set()


@pytest.mark.parametrize("length", [2**31, 2**32, 2**62, 10**17, 999_999_999_999_999_999])
def test_a_length_is_believed_by_nobody(sized, length):
    """CVE-2018-1000538: what a client says of a body's length makes the server take memory."""
    before = resident(sized)
    for path, query in (("/bucket/k", ""), ("/bucket", "?tagging"), ("/bucket", "?delete"), ("/", "")):
        names = [("Host", "a"), ("Content-Length", str(length)), ("Content-Type", "application/x-www-form-urlencoded")]
        with sized.connect(plaintext=True) as stream:
            stream.sendall(head("POST" if path != "/bucket/k" else "PUT", path + query, names) + bytes(1000))
            answer = read_answer(reader(stream))
            assert 400 <= answer.status < 500
    assert resident(sized) - before < 100 * MIB


@pytest.mark.parametrize("value", ["0", "-1", "1001", "2147483647", "2147483648", "-2147483649", "9" * 40, "1e3", "0x10", "1 ", "", "\u0661"])
@pytest.mark.parametrize("parameter", ["max-keys", "max-uploads", "max-parts", "part-number-marker", "partNumber", "max-buckets"])
def test_numbers_beyond_their_kind_are_no_fault_of_ours(sized, parameter, value):
    for path, query in (("/bucket", []), ("/bucket", [("list-type", "2")]), ("/bucket", [("versions", None)]), ("/bucket", [("uploads", None)]), ("/bucket/k", [("uploadId", "u")]), ("/bucket/k", []), ("/", [])):
        answer = sized.signed(sized.root, "GET", path, [*query, (parameter, value)], plaintext=True)
        assert answer.status < 500, (path, query, answer.body)


# What is read before its sender is known, and what is answered


def stranger(server, bytes_, source="127.0.0.1"):
    """An unsigned call of another service than S3 that stops after so many bytes of its body."""
    stream = server.connect(plaintext=True, source=source)
    names = {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(MIB)}
    body = b"Action=GetCallerIdentity&Version=2011-06-15&x=" + b"A" * bytes_
    stream.sendall(head("POST", "/", names.items()) + body[:bytes_])
    return stream


def caller_identity(server, account, more=0):
    body = b"Action=GetCallerIdentity&Version=2011-06-15&x=" + b"y" * more
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return server.signed(account, "POST", "/", headers=headers, body=body, service="sts", plaintext=True)


def silent(stream):
    stream.settimeout(0.01)
    try:
        return stream.recv(1) is None
    except TimeoutError:
        return True


def test_bodies_of_strangers_that_stop_keep_nobody_waiting(sized, monkeypatch):
    """Not even who comes from the same address: what a body is announced to have takes nothing."""
    monkeypatch.setattr(sized, "sources", itertools.repeat("127.66.66.65"))
    held = [stranger(sized, 1, "127.66.66.65") for _ in range(100)]
    try:
        for more in (0, 100_000):
            assert caller_identity(sized, sized.root, more).status == 200
        assert all(silent(stream) for stream in held), "they were refused before, so that nothing was tried"
    finally:
        for stream in held:
            stream.close()


def test_strangers_have_room_of_their_own_for_long_bodies(sized, monkeypatch):
    monkeypatch.setattr(sized, "sources", itertools.repeat("127.66.66.66"))
    held = [stranger(sized, MIB - 1, "127.66.66.66") for _ in range(3)]
    try:
        # Two of them have the share of their source; the third is told so, whichever that is.
        answered, _, _ = select.select(held, [], [], SOON)
        kept = [stream for stream in held if stream not in answered]
        assert [read_answer(reader(stream)).said() for stream in answered] == [(400, "Throttling")]
        assert all(silent(stream) for stream in kept)
        assert caller_identity(sized, sized.root, 500_000).status == 200
        small = sized.http("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=GetCallerIdentity", plaintext=True)
        assert (small.status, small.code) == (403, "MissingAuthenticationToken")
        for stream in kept:
            stream.settimeout(10)
            stream.sendall(b"A")
            assert read_answer(reader(stream)).status == 403
    finally:
        for stream in held:
            stream.close()


def test_long_answers_of_other_services_have_places_too(strict, bob_):
    ec2 = strict.client(strict.root, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    resource = "arn:aws:s3:::" + "x" * 20_000
    long = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": resource}]})
    service = "com.amazonaws.us-east-1.s3"
    for _ in range(30):
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", PolicyDocument=long)
    body = b"Action=DescribeVpcEndpoints&Version=2016-11-15"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    def unread():
        """An answer of which nothing is taken, over a connection that holds little of it."""
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        stream.connect(("127.0.0.1", strict.plain_port))
        names = headers | {"Host": strict.authority(True)}
        signed = sign(strict.root, "POST", "/", [], names, payload_hash=hashlib.sha256(body).hexdigest(), region="us-east-1", service="ec2")
        stream.sendall(head("POST", "/", [*signed, ("Content-Length", str(len(body)))]) + body)
        return stream

    def asked(account):
        return strict.signed(account, "POST", "/", headers=headers, body=body, service="ec2", plaintext=True)

    held = [unread() for _ in range(3)]
    try:
        for stream in held:
            assert stream.recv(12) == b"HTTP/1.1 200"
        more = asked(strict.root)
        assert (more.status, more.code) == (503, "RequestLimitExceeded"), more.body[:200]
        assert asked(bob_).status == 200
        assert caller_identity(strict, strict.root).status == 200
    finally:
        for stream in held:
            stream.close()
    deadline = time.monotonic() + SOON
    while asked(strict.root).status != 200:
        assert time.monotonic() < deadline, "places are given back"
        time.sleep(0.1)


# Floods


def resident(server):
    pages = pathlib.Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def disk(server):
    return sum(path.stat().st_size for path in server.home.rglob("*") if path.is_file())


def malformed(server, stream):
    stream.sendall(b"GET / HTTP/1.1\nHost: a\n\n")
    stream.recv(4096)


def half_heads(server, stream):
    stream.sendall(b"GET /" + b"x" * 5000)


def unsigned(server, stream):
    stream.sendall(b"GET /bucket/none HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    stream.recv(65_536)


def forms(server, stream):
    body = b"--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--x--\r\n"
    names = b"Host: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(body)
    stream.sendall((b"POST /bucket HTTP/1.1\r\n" + names + body) * 5)
    stream.recv(65_536)


def badly_signed(server, stream):
    signed = sign(server.root, "PUT", "/bucket/k", [], {"Host": "localhost"}, payload_hash=EMPTY_SHA256, region="us-east-1", secret="wrong")
    stream.sendall(head("PUT", "/bucket/k", with_defaults(signed, b"", "localhost")) * 10)
    stream.recv(65_536)


def junk(server, stream):
    stream.sendall(os.urandom(2000))


def resets(server, stream):
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


#: What is thrown, and at which listener.
JUNK = {
    "malformed heads": (malformed, True),
    "half heads": (half_heads, True),
    "unsigned requests": (unsigned, True),
    "forms": (forms, True),
    "bad signatures": (badly_signed, True),
    "random bytes": (junk, True),
    "random bytes for a handshake": (junk, False),
    "resets in a handshake": (resets, False),
}


class Flood(threading.Thread):
    def __init__(self, server, kinds, sources, seconds):
        super().__init__(daemon=True)
        self.server, self.kinds, self.sources = server, kinds, sources
        self.until = time.monotonic() + seconds
        self.thrown = 0

    def run(self):
        while time.monotonic() < self.until:
            for kind in self.kinds:
                throw, plaintext = JUNK[kind]
                port = self.server.plain_port if plaintext else self.server.port
                with contextlib.suppress(OSError):
                    with socket.create_connection(("127.0.0.1", port), timeout=2, source_address=(next(self.sources), 0)) as stream:
                        throw(self.server, stream)
                        self.thrown += 1


def one_source():
    return itertools.repeat("127.77.77.77")


@pytest.mark.parametrize("sources", [one_source, many_sources], ids=["one source", "many sources"])
@pytest.mark.parametrize("kinds", [[kind] for kind in JUNK] + [list(JUNK)], ids=lambda kinds: kinds[0] if len(kinds) == 1 else "all of it")
def test_a_flood_of_junk_costs_the_others_nothing(sized, mode, kinds, sources):
    """No signed request is refused meanwhile, from whichever source, and neither disk nor memory fills."""
    seconds = 20 if mode == "long" else 1.5
    sized.sources = None
    s3_before = (disk(sized), resident(sized))
    source = sources()
    floods = [Flood(sized, kinds, source if sources is one_source else many_sources(), seconds) for _ in range(4)]
    began = time.monotonic()
    for flood in floods:
        flood.start()
    served = 0
    sized.sources = iter(one_source()) if sources is one_source else many_sources()
    while time.monotonic() - began < seconds:
        put = sized.signed(sized.root, "PUT", "/bucket/good", body=b"good", plaintext=True)
        assert put.status == 200, put.body
        assert sized.signed(sized.root, "GET", "/bucket/good", plaintext=True).body == b"good"
        served += 1
    for flood in floods:
        flood.join()
    # How many depends on the machine; that each was answered well is what counts.
    assert served > 0 and sum(flood.thrown for flood in floods) > 4
    grown = disk(sized) - s3_before[0]
    # At most the budget of unknown callers: 2000 at once and 1000 a second, of about 1 KiB, in the log and in the archive.
    took = time.monotonic() - began
    assert grown < (2_000 + 1_000 * took) * 2_500 + served * 10_000 + 8 * MIB, grown
    assert resident(sized) - s3_before[1] < 150 * MIB
    assert sized.signed(sized.root, "GET", "/bucket/good").body == b"good"


def test_what_a_flood_was_refused_is_told_in_few_lines(sized):
    """Refused requests are counted, not told one by one."""
    sized.sources = None
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", sized.plain_port), source_address=("127.88.88.88", 0), timeout=5) as stream:
            stream.sendall(b"GET /bucket/none HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400)
            stream.settimeout(2)
            with contextlib.suppress(OSError):
                while stream.recv(65_536):
                    pass
    time.sleep(2.5)
    told = [event for event in sized.audit() if event.get("sourceIPAddress") == "127.88.88.88"]
    assert len(told) < 800
