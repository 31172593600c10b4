"""What a client says cannot become a header, a second answer or markup of an answer.

Peers were made to: CVE-2015-5245 (a bucket's name became a header of Ceph), CVE-2020-10753 and CVE-2021-3524 (CR and LF in
CORS' ExposeHeader), CVE-2016-9579 and CVE-2020-1760 (a header or script by an unsigned GET), RustFS x5xv (credentials for
every origin). Each text is sent in each place that could come back, and the raw bytes of the answer are looked at.
"""

import base64
import hashlib
import json
import re
import xml.etree.ElementTree

import pytest

from harness import head, many_sources, path_and_query, quote, sign, with_defaults

TEXTS = {
    "a line": "a\r\nX-Injected: 1",
    "a second answer": "a\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: 1\r\nContent-Length: 0\r\n\r\n",
    "LF": "a\nX-Injected: 1",
    "CR": "a\rX-Injected: 1",
    "NUL": "a\x00b",
    "a control character": "a\x01\x0b\x1f\x7fb",
    "NEL": "a\x85X-Injected: 1",
    "a line separator": "a\u2028X-Injected: 1",
    "what cut bytes make CR and LF": "a\u560d\u560aX-Injected: 1",
    "escaped CR and LF": "a%0d%0aX-Injected:%201",
    "references": "a&#13;&#10;X-Injected: 1&lt;b&gt;",
    "a script": "<script>alert(1)</script>",
    "the end of a section": "]]><b>&",
    "the end of an attribute": "\"'><b x=\"",
    "a template": "${jndi:ldap://x}{{7*7}}",
    "another direction": "\u202egpj.exe",
    "a byte order mark": "\ufeffa",
    "letters beyond ASCII": "äöü-日本-😀",
    "a broken escape": "%zz%",
    "white space": " \t a \t ",
    "nothing": "",
    "much": "x" * 2000,
}

#: Names of headers that answers have; any other is one too many.
KNOWN = re.compile(
    rb"x-amz-[a-z0-9-]+|x-amzn-[a-z0-9-]+|accept-ranges|access-control-[a-z-]+|allow|cache-control|connection|content-[a-z-]+"
    rb"|date|etag|expires|last-modified|location|server|transfer-encoding|vary"
)


class Place:
    """Somewhere a text can be put: makes method, path, query, headers and body of it."""

    def __init__(self, name, make, raw=False):
        self.name, self.make, self.raw = name, make, raw


def query(*names, path="/{b}", method="GET"):
    return [Place(f"{method} {path} {name}", lambda text, name=name: (method, path, [(name, text)], {}, b"")) for name in names]


def header(*names, path="/{b}/k", method="GET", more=(), body=b""):
    """A header that is signed; bytes that no header can have are a matter of the head's checker."""

    def make(text, name):
        clean = "".join(c for c in text if c == "\t" or c >= " " and c != "\x7f")
        return method, path, list(more), {name: clean}, body

    return [Place(f"{method} {name}", lambda text, name=name: make(text, name)) for name in names]


def document(method, name, template, path="/{b}"):
    def make(text):
        escaped = "".join(c if c.isalnum() else f"&#{ord(c)};" for c in text)
        body = template.format(escaped).encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        return method, path, [(name, None)], {"Content-MD5": md5}, body

    return Place(f"{name} {template[:30]}", make)


PLACES = [
    Place("bucket", lambda text: ("GET", f"/{text}", [], {}, b"")),
    Place("bucket and key", lambda text: ("GET", f"/{text}/k", [], {}, b"")),
    Place("bucket to make", lambda text: ("PUT", f"/{text}", [], {}, b"")),
    Place("key", lambda text: ("GET", f"/{{b}}/{text}", [], {}, b"")),
    Place("key to write", lambda text: ("PUT", f"/{{b}}/new-{text}", [], {}, b"x")),
    Place("key to delete", lambda text: ("DELETE", f"/{{b}}/{text}", [], {}, b"")),
    Place("parameter's name", lambda text: ("GET", "/{b}", [(text, "1")], {}, b"")),
    Place("sub-resource", lambda text: ("GET", "/{b}", [("location", text)], {}, b"")),
    *query("prefix", "delimiter", "marker", "encoding-type", "max-keys"),
    *[
        Place(f"list-type=2 {name}", lambda text, name=name: ("GET", "/{b}", [("list-type", "2"), (name, text)], {}, b""))
        for name in ("prefix", "delimiter", "start-after", "continuation-token", "fetch-owner", "encoding-type")
    ],
    *[
        Place(f"versions {name}", lambda text, name=name: ("GET", "/{b}", [("versions", None), ("key-marker", "a"), (name, text)], {}, b""))
        for name in ("prefix", "delimiter", "version-id-marker")
    ],
    *[
        Place(f"uploads {name}", lambda text, name=name: ("GET", "/{b}", [("uploads", None), (name, text)], {}, b""))
        for name in ("prefix", "delimiter", "key-marker", "upload-id-marker")
    ],
    *query("versionId", "uploadId", "partNumber", path="/{b}/k"),
    *query(
        "response-content-type",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-cache-control",
        "response-expires",
        path="/{b}/k",
    ),
    *[Place(f"{name} id", lambda text, name=name: ("GET", "/{b}", [(name, None), ("id", text)], {}, b"")) for name in ("inventory", "analytics", "metrics")],
    *header("Origin", "Range", "If-Match", "If-None-Match", "If-Range", "If-Modified-Since", "User-Agent", "Referer"),
    *header("x-amz-expected-bucket-owner", "x-amz-request-payer", "x-amz-checksum-mode", "x-amz-security-token", "x-amz-made-up"),
    *header("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", method="OPTIONS"),
    *header(
        "x-amz-meta-a",
        "Content-Type",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Cache-Control",
        "Expires",
        "Content-MD5",
        "x-amz-website-redirect-location",
        "x-amz-tagging",
        "x-amz-acl",
        "x-amz-grant-read",
        "x-amz-storage-class",
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-context",
        "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-object-lock-mode",
        "x-amz-object-lock-legal-hold",
        "x-amz-copy-source",
        method="PUT",
        path="/{b}/written",
        body=b"x",
    ),
    *header("x-amz-copy-source-range", "x-amz-copy-source-if-match", method="PUT", path="/{b}/written"),
    document("PUT", "tagging", "<Tagging><TagSet><Tag><Key>{}</Key><Value>v</Value></Tag></TagSet></Tagging>"),
    document("PUT", "tagging", "<Tagging><TagSet><Tag><Key>k</Key><Value>{}</Value></Tag></TagSet></Tagging>", path="/{b}/k"),
    document("PUT", "versioning", "<VersioningConfiguration><Status>{}</Status></VersioningConfiguration>"),
    document("POST", "delete", "<Delete><Object><Key>{}</Key></Object></Delete>"),
    document("POST", "delete", "<Delete><Object><Key>k</Key><VersionId>{}</VersionId></Object></Delete>"),
    document("PUT", "website", "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>{}</HostName></RedirectAllRequestsTo></WebsiteConfiguration>"),
    document("PUT", "encryption", "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{}</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"),
    document("PUT", "requestPayment", "<RequestPaymentConfiguration><Payer>{}</Payer></RequestPaymentConfiguration>"),
]


def raw_answer(server, method, target, headers, body, plaintext=True):
    """Every byte that comes back, until the server closes."""
    pairs = with_defaults([*headers, ("Connection", "close")], body, server.authority(plaintext))
    with server.connect(plaintext=plaintext) as stream:
        stream.sendall(head(method, target, pairs) + body)
        answer = b""
        while piece := stream.recv(65_536):
            answer += piece
    return answer


def assert_whole(answer, method):
    """One answer, of known headers, well-formed."""
    head_, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head_.split(b"\r\n")
    assert re.fullmatch(rb"HTTP/1\.1 \d{3}[ -~]*", status), status
    assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", head_.replace(b"\r\n", b"")), head_
    named = [line.partition(b":")[0].lower() for line in lines]
    assert all(KNOWN.fullmatch(name) for name in named), named
    code = int(status.split()[1])
    assert code < 500 or code == 501, answer
    values = {name: line.partition(b":")[2].strip() for name, line in zip(named, lines)}
    assert len(values) == len(named) - max(0, named.count(b"vary") - 1), named
    if method == "HEAD":
        assert body == b""
        return code, values, body
    if b"content-length" in values:
        assert len(body) == int(values[b"content-length"]), answer
    if values.get(b"content-type") == b"application/xml" and body:
        text = body.decode()
        # What XML 1.0 cannot hold is referred to all the same, as on AWS; a listing with encoding-type=url has none of it.
        document_ = xml.etree.ElementTree.fromstring(re.sub(r"&#(x0*[0-9a-fA-F]|x1[0-9a-fA-F]|xfff[ef]|\d{1,2});", "?", text))
        assert all(re.fullmatch(r"(\{[^}]*\})?[A-Z][A-Za-z0-9]*", element.tag) for element in document_.iter()), text
    return code, values, body


@pytest.fixture(scope="module")
def shared(server, s3):
    name = "bucket-of-answers"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"precious")
    rule = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"]}
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    server.sources = many_sources()
    yield name
    server.sources = None


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_no_text_gets_out_of_its_place(server, alice, shared, place):
    for text in TEXTS.values():
        method, path, pairs, headers, body = place.make(text)
        path = path.replace("{b}", shared)
        headers = {name: value.replace("{b}", shared) for name, value in headers.items()}
        target = path_and_query(path, pairs)
        named = headers | {"Host": server.authority(True)}
        signed = sign(alice, method, path, pairs, named, payload_hash=hashlib.sha256(body).hexdigest(), region="us-east-1")
        for sent in (signed, list(headers.items())):
            assert_whole(raw_answer(server, method, target, sent, body), method)


@pytest.mark.parametrize("text", TEXTS)
def test_cors_exposes_no_other_headers(server, alice, shared, text):
    """CVE-2020-10753, CVE-2021-3524: whoever writes the rules writes no headers but those."""
    for member in ("ExposeHeader", "AllowedOrigin", "AllowedHeader", "ID"):
        rule = {"AllowedMethod": "<AllowedMethod>GET</AllowedMethod>", "AllowedOrigin": "<AllowedOrigin>*</AllowedOrigin>"}
        escaped = "".join(c if c.isalnum() else f"&#{ord(c)};" for c in TEXTS[text])
        rule[member] = f"<{member}>{escaped}</{member}>"
        body = f"<CORSConfiguration><CORSRule>{''.join(rule.values())}</CORSRule></CORSConfiguration>".encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        answer = server.signed(alice, "PUT", f"/{shared}", [("cors", None)], {"Content-MD5": md5}, body)
        assert answer.status in (200, 400), answer.body
        origin = [("Origin", "https://example.com")]
        for method, more in (("GET", []), ("OPTIONS", [("Access-Control-Request-Method", "GET")])):
            code, values, _ = assert_whole(raw_answer(server, method, f"/{shared}/k", [*origin, *more], b""), method)
            assert b"x-injected" not in values and code in (200, 400, 403)
            if values.get(b"access-control-allow-origin") == b"*":
                assert b"access-control-allow-credentials" not in values


@pytest.mark.parametrize("text", TEXTS)
def test_a_form_cannot_choose_headers_of_its_answer(server, s3, shared, text):
    value = "".join(c for c in TEXTS[text] if c not in "\r\n\x00") if text != "a line" else "a"
    for field in ("key", "success_action_redirect", "Content-Type", "x-amz-meta-a", "success_action_status"):
        sent = ("https://example.com/" if field == "success_action_redirect" else "") + (value or "a")
        fields = {} if field == "key" else {field: sent}
        conditions = [{name: content} for name, content in fields.items()]
        key = sent[:500] if field == "key" else "form"
        made = s3.generate_presigned_post(shared, key, Fields=fields, Conditions=conditions)["fields"]
        parts = [f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n' for name, content in made.items()]
        parts.append(f'--xyz\r\nContent-Disposition: form-data; name="file"; filename="{quote(value)[:100]}"\r\n\r\nbody\r\n--xyz--\r\n')
        form = [("Content-Type", "multipart/form-data; boundary=xyz")]
        answer = raw_answer(server, "POST", f"/{shared}", form, "".join(parts).encode(), plaintext=False)
        code, values, _ = assert_whole(answer, "POST")
        assert code in (200, 201, 204, 303, 400, 403), answer
        if code == 303:
            assert values[b"location"].startswith(b"https://example.com/")


@pytest.mark.parametrize("host", ["evil.test", "evil.test:1", "a.s3.localhost", "[::1]", "[fe80::1%25eth0]", "127.0.0.1.", "s3.localhost.", "xn--9ca.s3.localhost"])
def test_the_host_of_a_request_is_in_no_answer_but_as_a_location(server, shared, host):
    """RustFS 9pjf: an address of an answer was made of Host and X-Forwarded-*."""
    spoofed = [("Host", host), ("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Prefix", "/evil")]
    for method, target in (("GET", "/"), ("GET", f"/{shared}/k"), ("HEAD", f"/{shared}"), ("OPTIONS", f"/{shared}/k"), ("POST", f"/{shared}")):
        code, values, body = assert_whole(raw_answer(server, method, target, spoofed, b""), method)
        assert code >= 400 or method == "HEAD"
        assert b"evil" not in b"".join(values.values()) and b"gopher" not in body


def test_an_audit_line_is_one_line_whatever_was_said(server, alice, shared):
    for text in TEXTS.values():
        server.signed(alice, "GET", f"/{shared}/{text}", [("prefix", text)])
    asked = server.signed(alice, "GET", f"/{shared}/last").headers["x-amz-request-id"]
    assert server.events_of(asked)
    for path in server.audit_path.parent.iterdir():
        for line in path.read_bytes().splitlines():
            assert json.loads(line)["eventVersion"]
