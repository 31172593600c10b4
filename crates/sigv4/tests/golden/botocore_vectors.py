"""Writes botocore_vectors.json: requests signed by botocore, as they go over the wire.

    pip install botocore==1.43.11 && python3 botocore_vectors.py > botocore_vectors.json
"""

import base64
import datetime
import json
import sys
from urllib.parse import quote, urlsplit

import botocore
import botocore.auth as auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 11, 24, 16, 32, 38, tzinfo=datetime.timezone.utc)
auth.get_current_datetime = lambda *_, **__: NOW.replace(tzinfo=None)
ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjE+/=example//token=="

KEYS = [
    "test.txt", "test$file.text", "a b", "a+b", "a%b", "a%2Fb", "a//b", "/leading", "trailing/", "..", "../x",
    "./x/../y", "ключ/ሴ/🪣", "é", "e\u0301", "a?b#c", "a&b=c", "a;b,c:d@e", "!*'()", "~tilde-_.", "\x01\x7f",
    '"<>\\^`{|}', "x" * 300,
]
QUERIES = [
    [("acl", "")], [("max-keys", "2"), ("prefix", "J")], [("prefix", "a b+c/d&e=f%")], [("prefix", "ключ ሴ 🪣")],
    [("b", "1"), ("a", "2"), ("A", "3"), ("-", "4"), ("~", "5"), ("_", "6")], [("tagging", ""), ("versionId", "null")],
    [("list-type", "2"), ("continuation-token", "1/+=="), ("delimiter", "/")],
    [("response-content-disposition", 'attachment; filename="a b.txt"')], [("a", "2"), ("a", "1"), ("a", "")],
]
HEADERS = [
    {"x-amz-meta-spaces": "  a   b  c  "}, {"x-amz-meta-empty": ""}, {"Content-Type": "text/plain; charset=utf-8"},
    {"x-amz-copy-source": "/b/%D0%BA%D0%BB", "x-amz-metadata-directive": "COPY"}, {"x-amz-acl": "private"},
    {"Range": "bytes=0-9"}, {"Content-MD5": "1B2M2Y8AsgTpgAmy7PhCfg==", "x-amz-tagging": "a=b&c=d"},
    {"Date": "Tue, 24 Nov 2026 16:32:38 GMT"}, {"Expect": "100-continue", "User-Agent": "Boto3/1"},
]
SERVICE_PATHS = [
    "/", "", "//", "/./", "/example/..", "/example1/example2/../..", "/./example", "//example//",
    "/example%20space/", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Ab", "/%E1%88%B4", "/-._~0123Aa/a+b",
]


def vector(name, request, service, region, kind):
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = [[key, value.decode() if isinstance(value, bytes) else value] for key, value in prepared.headers.items()]
    if not any(key.lower() == "host" for key, _ in headers):
        headers.append(["host", parts.netloc])
    body = request.data or b""
    return {
        "name": name, "kind": kind, "service": service, "region": region, "method": request.method,
        "path": parts.path, "query": parts.query, "tls": parts.scheme == "https", "headers": headers,
        "body": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(),
    }


def sign(name, signer, service, url, method="GET", headers=None, params=None, body=b"", token=None, context=None, **more):
    request = AWSRequest(method=method, url=url, headers=dict(headers or {}), params=params or {}, data=body)
    request.context.update(context or {})
    region = more.pop("region", "us-east-1")
    signer(Credentials(ID, SECRET, token), service, region, **more).add_auth(request)
    kind = "query" if issubclass(signer, auth.SigV4QueryAuth) else "header"
    return vector(name, request, service, region, kind)


def vectors():
    s3, s3q, other, otherq = auth.S3SigV4Auth, auth.S3SigV4QueryAuth, auth.SigV4Auth, auth.SigV4QueryAuth
    for key in KEYS:
        url = "https://s3.localhost:9000/bucket/" + quote(key, safe="/~")
        yield sign(f"get key {key[:20]!r}", s3, "s3", url)
        yield sign(f"presigned key {key[:20]!r}", s3q, "s3", url, expires=900)
    for query in QUERIES:
        yield sign(f"query {query}", s3, "s3", "https://bucket.s3.localhost/", params=query)
        if len(dict(query)) == len(query):
            yield sign(f"presigned query {query}", s3q, "s3", "https://bucket.s3.localhost/", params=dict(query))
    for headers in HEADERS:
        yield sign(f"headers {headers}", s3, "s3", "https://s3.localhost/b/k", "PUT", headers, body=b"Welcome to Amazon S3.")
    for headers in HEADERS[:7]:
        yield sign(f"presigned headers {headers}", s3q, "s3", "https://s3.localhost/b/k", "PUT", headers)
    yield sign("token", s3, "s3", "https://s3.localhost/b/k", token=TOKEN)
    yield sign("presigned token", s3q, "s3", "https://s3.localhost/b/k", token=TOKEN, expires=604800)
    yield sign("plaintext body", s3, "s3", "http://s3.localhost:9001/b/k", "PUT", body=b"\x00\xff" * 100)
    yield sign("other region", s3, "s3", "https://s3.localhost/b/k", "DELETE", region="eu-west-1")
    trailer = {"checksum": {"request_algorithm": {"algorithm": "crc32", "in": "trailer", "name": "x-amz-checksum-crc32"}}}
    streamed = {"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": "5", "Content-Encoding": "aws-chunked"}
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    yield sign("unsigned trailer", s3, "s3", "https://s3.localhost/b/k", "PUT", streamed, body=body, context=trailer)
    unsigned = {"has_streaming_input": True}
    yield sign("unsigned payload", s3, "s3", "https://s3.localhost/b/k", "PUT", {"Content-MD5": "x"}, body=b"abc", context=unsigned)
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    yield sign("query service", other, "sts", "https://localhost:9000/", "POST", form, body=b"Action=GetCallerIdentity&Version=2011-06-15")
    target = {"X-Amz-Target": "TrentService.ListKeys", "Content-Type": "application/x-amz-json-1.1"}
    yield sign("json service", other, "kms", "https://localhost:9000/", "POST", target, body=b"{}", token=TOKEN)
    for path in SERVICE_PATHS:
        yield sign(f"service path {path!r}", other, "macie2", "https://localhost:9000" + path, params=[("a b", "c/d")])
    yield sign("presigned service", otherq, "sts", "https://localhost/", params={"Action": "GetCallerIdentity"}, expires=60)


def post_forms():
    for name, conditions, token in [
        ("plain", [{"bucket": "bucket"}, ["starts-with", "$key", "user/"], {"acl": "private"}], None),
        ("token", [{"bucket": "bucket"}, {"key": "user/ሴ"}, ["content-length-range", 1, 10], {"acl": "private"}], TOKEN),
    ]:
        request = AWSRequest(method="POST", url="https://bucket.s3.localhost/")
        policy = {"expiration": "2026-11-24T17:32:38Z", "conditions": conditions}
        request.context["s3-presign-post-fields"] = {"key": "user/ሴ", "acl": "private"}
        request.context["s3-presign-post-policy"] = policy
        auth.S3SigV4PostAuth(Credentials(ID, SECRET, token), "s3", "us-east-1").add_auth(request)
        yield {"name": name, "fields": [[k, str(v)] for k, v in request.context["s3-presign-post-fields"].items()]}


json.dump(
    {
        "generator": f"botocore {botocore.__version__}", "now": NOW.strftime("%Y%m%dT%H%M%SZ"),
        "access_key_id": ID, "secret_access_key": SECRET, "requests": list(vectors()), "post_forms": list(post_forms()),
    },
    sys.stdout, indent=1, ensure_ascii=True,
)
