#!/usr/bin/env python3
"""Writes the seeds that were thought of into fuzz/corpora/TARGET/seed-NN; the other files there were found by a fuzzer.

  python3 fuzz/seeds.py

Each seed takes its target into a branch that arbitrary bytes hardly reach.
"""

import base64
import hashlib
import json
import pathlib
import struct

CREDENTIAL = "AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request"
AUTHORIZATION = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'0' * 64}"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PRESIGNED = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + CREDENTIAL.replace("/", "%2F")
    + "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "0" * 64
)


def head(line, *headers, body=""):
    text = "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""])
    return (text + body).encode()


def signed(line, *headers, body="", sha=EMPTY, service="s3"):
    scope = AUTHORIZATION.replace("/s3/", f"/{service}/")
    return head(line, f"Authorization: {scope}", "x-amz-date: 20260101T000000Z", f"x-amz-content-sha256: {sha}", *headers, body=body)


def form(boundary, *fields, file="body", end="--\r\n"):
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="../a\\b.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n{file}\r\n--{boundary}{end}"
    )
    return "".join(parts)


def policy(*conditions, expiration="2030-01-01T00:00:00Z"):
    return json.dumps({"expiration": expiration, "conditions": list(conditions)})


def cbor(value):
    """CBOR of numbers, texts, lists and maps, all of them short."""
    def head(major, number):
        return bytes([major << 5 | number]) if number < 24 else bytes([major << 5 | 27]) + struct.pack(">Q", number)

    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def message(statement=False):
    """An encoded authorization message, once it is opened."""
    found = {
        0: 123456789012, 1: 1800000000000, 2: "0123456789ABCDEF", 3: "AIDAEXAMPLE", 4: "ann", 5: "arn:aws:iam::123456789012:user/ann",
        6: "s3:GetObject", 7: "arn:aws:s3:::b/\u00e9\"", 9: [{0: "aws:SourceIp", 1: ["192.0.2.7"]}, {0: "aws:TagKeys", 1: []}],
    }
    if statement:
        found |= {8: {0: "identity-based policy", 1: "p of user ann", 2: "Sid"}, 9: []}
    return b"\x01" + cbor(found)


DOCUMENTS = [
    "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    '<?xml version="1.0" encoding="UTF-8"?>\n<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>'
    "<Object><Key>a&amp;&#x62;&#99;</Key><VersionId>null</VersionId></Object><Object><Key><![CDATA[<c>]]></Key></Object></Delete>",
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>"
    "</Part></CompleteMultipartUpload>",
    "<!-- note --><CORSConfiguration><CORSRule><ID>i</ID><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.a</AllowedOrigin>"
    "<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3</MaxAgeSeconds></CORSRule></CORSConfiguration>",
    "<WebsiteConfiguration><IndexDocument><Suffix>i.html</Suffix></IndexDocument><ErrorDocument><Key>e</Key></ErrorDocument><RoutingRules>"
    "<RoutingRule><Condition><KeyPrefixEquals>a</KeyPrefixEquals></Condition><Redirect><HostName>b</HostName><Protocol>https</Protocol>"
    "<ReplaceKeyPrefixWith>c</ReplaceKeyPrefixWith><HttpRedirectCode>301</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>"
    "</WebsiteConfiguration>",
    "<LifecycleConfiguration><Rule><ID>i</ID><Status>Enabled</Status><Filter><And><Prefix>p</Prefix><Tag><Key>a</Key><Value>b</Value></Tag>"
    "</And></Filter><Expiration><Days>1</Days></Expiration><Transition><Date>2030-01-01T00:00:00Z</Date><StorageClass>GLACIER</StorageClass>"
    "</Transition></Rule></LifecycleConfiguration>",
    "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Disabled</MfaDelete></VersioningConfiguration>",
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"
    "<KMSMasterKeyID>k</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>"
    "</ServerSideEncryptionConfiguration>",
    '<AccessControlPolicy><Owner><ID>o</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:type="CanonicalUser"><ID>g</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>',
    "<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key><RequestId>r</RequestId></Error>",
    '<!DOCTYPE a [<!ENTITY x "y">]><Tagging>&x;</Tagging>',
    "<a><b/><c d='e' f=\"g\"/></a >",
]

REQUESTS = [
    head("GET /"),
    head("GET /bucket?list-type=2&prefix=a%2Fb&delimiter=/&max-keys=7&start-after=x&encoding-type=url&fetch-owner=true"),
    head("GET /bucket?versions&key-marker=a&version-id-marker=00112233445566778899aabbccddeeff"),
    head("GET /bucket?uploads&key-marker=a&upload-id-marker=00112233445566778899aabbccddeeff&max-uploads=3"),
    head("GET /bucket/a%20b%2Fc?versionId=null&partNumber=2&response-content-type=text/plain", "Range: bytes=1-2", 'If-Match: "a"'),
    head("GET /bucket/k?attributes", "x-amz-object-attributes: ETag,ObjectParts", "x-amz-max-parts: 3", "x-amz-part-number-marker: 1"),
    head(f"GET /bucket/k?{PRESIGNED}"),
    head(f"PUT /bucket/k?x-amz-acl=private&{PRESIGNED.replace('Signature', 'Signatur%65')}", "Content-Length: 1", body="x"),
    signed("PUT /bucket/k", "Content-Length: 1", "x-amz-meta-a: b", "x-amz-tagging: a=b&c=d", "x-amz-storage-class: STANDARD",
           "x-amz-server-side-encryption: AES256", "If-None-Match: *", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==", body="x", sha="UNSIGNED-PAYLOAD"),
    signed("PUT /bucket/k", "x-amz-copy-source: /other/a%2Fb?versionId=null", "x-amz-metadata-directive: REPLACE",
           "x-amz-copy-source-if-modified-since: Wed, 21 Oct 2015 07:28:00 GMT"),
    signed("PUT /bucket/k?partNumber=1&uploadId=00112233445566778899aabbccddeeff", "x-amz-copy-source: b/k", "x-amz-copy-source-range: bytes=0-9"),
    signed("PUT /bucket/k", "Content-Encoding: aws-chunked", "x-amz-decoded-content-length: 1", "x-amz-trailer: x-amz-checksum-crc32",
           "Transfer-Encoding: chunked", sha="STREAMING-UNSIGNED-PAYLOAD-TRAILER", body="1\r\nx\r\n0\r\n\r\n"),
    signed("POST /bucket/k?uploads", "x-amz-checksum-algorithm: CRC32C", "x-amz-checksum-type: COMPOSITE"),
    signed("DELETE /bucket/k?versionId=00112233445566778899aabbccddeeff", "x-amz-bypass-governance-retention: true", "x-amz-mfa: a 1"),
    head("POST /", "Content-Type: application/x-www-form-urlencoded; charset=utf-8", body="Action=GetCallerIdentity&Version=2011-06-15"),
    signed("POST /", "Content-Type: application/x-www-form-urlencoded", service="sts", body="Action=AssumeRole&RoleArn=a&Tags.member.1.Key=k"),
    signed("POST /", "X-Amz-Target: StrongroomService.ListAccounts", "Content-Type: application/x-amz-json-1.1", service="strongroom", body="{}"),
    head("POST /bucket", "Content-Type: multipart/form-data; boundary=x", body=form("x", ("key", "k"))),
    head("OPTIONS /bucket/k", "Origin: https://a", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: a, b"),
    head("GET /v20180820/configuration/publicAccessBlock", "x-amz-account-id: 123456789012"),
    head("GET /v20180820/tags/arn%3Aaws%3As3%3A%3A%3Abucket", "x-amz-account-id: 123456789012"),
    b"GET http://localhost/bucket?acl HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /k HTTP/1.1\r\nHost: bucket.s3.localhost:9000\r\n\r\n",
    b"\r\nGET /k HTTP/1.0\r\nHost: [::1]:9000\r\n\r\n",
    *[
        signed(f"{method} /bucket{path}?{name}", f"Content-Length: {len(DOCUMENTS[at])}", body=DOCUMENTS[at])
        for method, path, name, at in (
            ("PUT", "", "tagging", 0), ("POST", "", "delete", 1), ("POST", "/k", "uploadId=u", 2), ("PUT", "", "cors", 3),
            ("PUT", "", "website", 4), ("PUT", "", "lifecycle", 5), ("PUT", "", "versioning", 6), ("PUT", "", "encryption", 7),
            ("PUT", "/k", "acl", 8),
        )
    ],
]

HEADS = [
    *REQUESTS[:2],
    head("PUT /a", "Content-Length: 4", body="GET ") + head("GET /b"),
    head("PUT /a", "Transfer-Encoding: chunked", body="3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nx-a: b\r\n\r\n") + head("GET /b"),
    head("PUT /a", "Transfer-Encoding: chunked", "Content-Length: 3", body="0\r\n\r\n"),
    head("PUT /a", "Content-Length: 3", "Content-Length: 3", body="abc"),
    head("PUT /a", "Transfer-Encoding: chunked", body="0\r\nHost: b\r\n\r\n"),
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nX:\t b \r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    b"HEAD http://a:1/?b HTTP/1.1\r\nhost: a:1\r\n\r\n",
]


def proxy(*extensions, command=0x21, family=0x11, addresses=bytes([192, 0, 2, 7, 198, 51, 100, 1, 48, 57, 1, 187])):
    """A header of PROXY protocol version 2."""
    rest = addresses + b"".join(bytes([kind]) + struct.pack(">H", len(value)) + value for kind, value in extensions)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(rest)) + rest


VPCE = (0xEA, b"\x01vpce-08d2bf15fac5001c9")

LEDGER = struct.pack(">I", 1)

STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
KEY = base64.b64encode(bytes(range(32))).decode()


def token(header, claims, signature=bytes(64), keys=()):
    """A token with a signature that is none, and below it a set of keys."""
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    parts = [part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature)]
    return ".".join(parts) + "\n" + json.dumps({"keys": list(keys)})


CLAIMS = {"iss": "https://a.example", "sub": "s", "aud": "x", "exp": 1900000000}
FULL_CLAIMS = CLAIMS | {
    "aud": ["x", "y"], "azp": "x", "nbf": 1, "iat": 1.5, "amr": ["pwd"], "https://aws.amazon.com/source_identity": "a",
    "https://aws.amazon.com/tags": {"principal_tags": {"t": ["v"]}, "transitive_tag_keys": ["t"]},
}
POINT = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
JWKS = [
    {"kty": "RSA", "use": "sig", "kid": "k", "n": base64.urlsafe_b64encode(b"\xff" * 256).rstrip(b"=").decode(), "e": "AQAB"},
    {"kty": "EC", "crv": "P-256", "kid": "k", "key_ops": ["verify"], "x": POINT, "y": POINT},
    {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": POINT},
    {"kty": "oct", "k": "AAAA"},
]

SEEDS = {
    "fuzz_web_identity_token": [
        token({"alg": "RS256", "kid": "k"}, FULL_CLAIMS, bytes(256), JWKS),
        token({"alg": "PS512"}, CLAIMS, bytes(256), JWKS),
        token({"alg": "ES256", "kid": "k"}, CLAIMS, bytes(64), JWKS),
        token({"alg": "EdDSA"}, CLAIMS, bytes(64), JWKS),
        token({"alg": "none"}, CLAIMS, b""),
        token({"alg": "RS256", "crit": ["b64"], "b64": False}, CLAIMS),
    ],
    "fuzz_policy_document": [
        json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]}),
        json.dumps({"Version": "2012-10-17", "Id": "i", "Statement": {"Sid": "s", "Effect": "Deny", "Principal": {"AWS": ["123456789012"]},
                    "NotAction": ["s3:Get*", "s3:List?"], "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}}),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
        '{"Version":"2008-10-17","Statement":[]}',
    ],
    "fuzz_customer_headers": [
        f"AES256\n{KEY}\n{base64.b64encode(hashlib.md5(bytes(range(32))).digest()).decode()}",
        f"AES256\n{KEY}\n{base64.b64encode(bytes(16)).decode()}", "AES256\n\n", "aes256\nAAAA\nAAAA", "\n\n",
    ],
    "fuzz_request": REQUESTS,
    "fuzz_head_checker": [b"\x05" + each for each in HEADS],
    "fuzz_router": ["GET\n\n", "GET\nb\nlist-type=2", "PUT\no\nx-amz-copy-source:", "PUT\no\npartNumber=1\nuploadId=u\nx-amz-copy-source:",
                    "POST\nb\ndelete=", "GET\nb\nacl=\npolicy=", "GET\n/v20180820/tags/arn", "DELETE\no\nuploadId=u\nversionId=v"],
    "fuzz_canonical": ["/a/../b//c%2f%2F%7e~?b=2&a=1&a=%20+&X-Amz-Signature=0", "/%zz?%zz", "/a b?=&&c", "/\u00e9/%C3%A9?\u00e9=%c3%a9", "//?a=b=c"],
    "fuzz_auth_input": [
        f"GET /b/k x=1\nauthorization:{AUTHORIZATION}\nhost:a\nx-amz-date:20260101T000000Z\nx-amz-content-sha256:{EMPTY}",
        f"GET /b/k {PRESIGNED}\nhost:a", f"PUT /b/k {PRESIGNED}&X-Amz-Security-Token=t\nhost:a",
        f"PUT /b/k \nauthorization:{AUTHORIZATION}\nhost:a\nx-amz-date:20260101T000000Z\nx-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD\n"
        "x-amz-decoded-content-length:5\ncontent-encoding:aws-chunked",
        f"PUT /b/k \nauthorization:{AUTHORIZATION}\nhost:a\nx-amz-date:20260101T000000Z\nx-amz-content-sha256:STREAMING-UNSIGNED-PAYLOAD-TRAILER\n"
        "x-amz-decoded-content-length:5\nx-amz-trailer:x-amz-checksum-crc32, x-amz-checksum-sha1",
        "GET / \nauthorization:AWS AKIA:c2ln\ndate:now", "GET / AWSAccessKeyId=a&Signature=b&Expires=1",
        "GET / \nauthorization:AWS4-ECDSA-P256-SHA256 Credential=a/20260101/s3/aws4_request, SignedHeaders=host, Signature=00",
        "PUT / X-Amz-Credential=a\nx-amz-content-sha256:STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ],
    "fuzz_chunked": [
        b"\x80\x00hello", b"\x81\x03hello", b"\x82\x10hello", b"\xc1\x80hello", b"\x80\x01" + b"a" * 3000,
        b"\x00\x025\r\nhello\r\n0\r\n\r\n", b"\x01\x025\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        b"\x02\x055;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n",
    ],
    "fuzz_post_policy": [
        policy({"bucket": "b"}, ["starts-with", "$key", "a"], ["content-length-range", 1, 9], ["eq", "$Content-Type", "t"]),
        policy({"acl": "private"}, {"x-amz-meta-a": ""}, ["starts-with", "$x-amz-meta-b", ""], ["STARTS-WITH", "$success_action_redirect", "h"]),
        policy(["content-length-range", "0", "5"], expiration="2030-01-01T00:00:00.000Z"), "{}", '{"expiration":1,"conditions":[[]]}',
        base64.b64encode(policy({"bucket": "b"}).encode()).decode(),
    ],
    "fuzz_post_form": [
        "\x05x\n" + form("x", ("key", "up/${filename}"), ("acl", "private"), ("Content-Type", "text/plain"), ("x-amz-meta-a", "1")),
        "\x01x\n" + form("x", ("key", "k"), ("tagging", DOCUMENTS[0]), ("success_action_status", "201"), ("x-amz-checksum-crc32", "AAAAAA==")),
        "\x03x\n" + form("x", ("KEY", "k"), ("policy", "e30="), ("success_action_redirect", "https://a/?b#c"), file="a\r\n--y\r\n-"),
        "\x02x\n" + form("x", ("key", "k"), end=""), "\x02-\n----\r\n", '\x04"a b"\n--a b\r\n',
        "\x08x\npreamble\r\n" + form("x", ("key", "k")) + "epilogue",
    ],
    "fuzz_rest_xml": DOCUMENTS,
    "fuzz_document": DOCUMENTS[3:5],
    "fuzz_cors": ["https://a.b\0GET\0x-a, x-b\0https://*.b\0x-*\0*", "null\0PUT\0\0*", "https://a\0GET\0" + "x" * 200 + "\0https://a"],
    "fuzz_json": ['{"a":[1,-2.5e3,true,null,"\\u00e9\\n"],"b":{"c":{}}}', '{"__type":"a#B","message":"m"}', "[" * 70 + "]" * 70, '{"a":1e999}'],
    "fuzz_cbor": [bytes.fromhex("a2616101616282f5f6"), bytes.fromhex("bf6161c11a514b67b0ff"), bytes.fromhex("a1616ac249010000000000000000"),
                  bytes.fromhex("a166636f6e666967fb7ff8000000000000"), bytes.fromhex("5f42010243030405ff")],
    "fuzz_query": ["Action=A&Version=1&L.member.1=a&L.member.2=b&M.entry.1.key=k&M.entry.1.value=v&S.T.U=x", "A.1.B=c&A.2.B=d&Filter.1.Name=n", "a=%zz", "=&.=&a..b=c"],
    "fuzz_range": ["bytes=0-0", "bytes=5-", "bytes=-5", "bytes=0-18446744073709551615", "bytes=1-0", "bytes=0-1,3-4", "Bytes= 0-1", "bytes=-0"],
    "fuzz_copy_source_range": ["bytes=0-0", "bytes=0-9", "bytes=9-0", "bytes=0-18446744073709551615", "bytes=-1"],
    "fuzz_copy_source": ["bucket/key", "/bucket/a%2Fb%20c/../d?versionId=null", "bucket%2Fk", "%2Fbucket%2Fa", "bucket/k%3FversionId=x",
                         "bucket/k?versionId=00112233445566778899aabbccddeeff", "bucket/\u00e9+%2B", "bucket/%00", "arn:aws:s3:::bucket/k",
                         "arn:aws:s3:us-east-1:123456789012:accesspoint/ap1/object/a/object/b?versionId=null", "arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint%2Fap1%2Fobject%2Fk", "ap1-x-s3alias/k"],
    "fuzz_authorization_message": [
        # An opened message with a statement and a condition key, one with neither, and texts that are none.
        message(), message(statement=True), "AQ", "AQ" + "A" * 90, "AQA", "AA", "-" + "A" * 91, "AQ==",
    ],
    "fuzz_access_point": ["arn:aws:s3:us-east-1:123456789012:accesspoint/ap1", "arn:aws:s3:us-east-1:123456789012:accesspoint:ap1",
                          "arn:aws:s3:us-east-1:123456789012:accesspoint/ap1/object/k", "arn:aws:s3:::bucket", "ap1-x-s3alias", "-s3alias", "ap1-123456789012"],
    "fuzz_list_token": ["ka/b", "pa/", "k\u00e9", "AQAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "null", "00112233445566778899aabbccddeeff", "x\x00"],
    "fuzz_tagging_header": ["a=b&c=d", "a=%20%2B+&b=", "&".join(f"k{at}=v" for at in range(11)), "a=1&a=2", "=", "aws:x=1"],
    "fuzz_metadata_value": ["plain", "=?UTF-8?B?w6k=?=", "=?utf-8?q?=C3=A9_a?=", "\u00e9", "a =?UTF-8?B?w6k=?= =?UTF-8?B?w6k=?= b", "=?UTF-8?B??=", "\t"],
    "fuzz_checksum_text": ["AAAAAA==", "jNvJFg==", "AAAAAAAAAAA=", "A" * 27 + "=", "A" * 43 + "=", "AAAAAA==-3", "1B2M2Y8AsgTpgAmY7PhCfg=="],
    "fuzz_config": [
        'listen = "0.0.0.0:443"\nregions = ["eu-central-1"]\n[audit_log]\npath = "a"\nkeep = 3\n[limits]\nmax_connections = 9\n[retention]\ndays = 1\n',
        "[limits]\nidle_timeout_seconds = 0\n", "domains = ['S3.Example.com']\n[tls]\ncertificate = 'c'\nprivate_key = 'k'\n", "listen = \n",
        '[[listeners]]\nlisten = "10.1.0.5:443"\nendpoint = "vpce-0123456789abcdef0"\nbalancers = ["10.9.0.10", "2001:db8::/64"]\n',
    ],
    "fuzz_proxy_header": [
        proxy(), proxy(VPCE), proxy((4, bytes(5)), VPCE, (5, b"id")), proxy(VPCE, VPCE), proxy((3, bytes(4))), proxy(command=0x20, family=0),
        proxy(VPCE, family=0x21, addresses=bytes(36)), proxy(VPCE, family=0x31, addresses=bytes(216)),
        # Its checksum is right.
        proxy(VPCE, (3, bytes.fromhex("cce3c96c"))),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443\r\n",
    ],
    "fuzz_root_key_text": ["strongroom root key 1\n" + "0" * 64 + "\n" + "0" * 32 + "\n", "strongroom root key 1\n" + "01" * 32 + "\n", "strongroom root key 2\n"],
    "fuzz_wrapped_key": [bytes([1, 1, 0, 0, 0, 1]) + bytes(72), bytes([1, 2, 0, 1]) + b"k" + bytes(72), bytes([1, 3]) + bytes(72), b"\x01", b"\x02\x01"],
    "fuzz_sealed_blob": [bytes([16, 1, 1, 16, 0]) + bytes(16), bytes([1, 1, 1, 16, 0]) + bytes(100), b"\x00\x02"],
    "fuzz_changed_blob": [b"\x00", b"\x01\x00\x00\x10\x00", b"\x01\x00\x00\x10\x01", b"\xc8\x05\x00\x00\x04", b"\xc8\x03\x10\x00\xff", b"\x40\x04\x00\x07\x20", b"\x02\x01\xff\xff\x00"],
    "fuzz_sealed_row": [b"\x01" + LEDGER + bytes(40), b"\x02" + bytes(50), LEDGER + bytes(41)],
    "fuzz_keyring": [b"\x01" + bytes(100), b"\x01\x01" + LEDGER + bytes(64)],
    "fuzz_record": [bytes.fromhex("8200a0"), bytes.fromhex("8201a0"), b"\x01\xa0", b"\x01\x82\x00\x80", b"\x01\x82\x02\x83\x61a\x00\x01"],
    "fuzz_backup_marker": ["strongroom backup 1\nstate unfinished\n", "strongroom backup 1\nstate complete\ncheck 00000000\n", "strongroom backup 2\n", "check "],
    "fuzz_frame": [bytes(64), b"\x00", b"\x01" + bytes(40)],
    "fuzz_chunk": [b"\x01" + bytes(60), b"\x01" + bytes(59) + b"\x10" + bytes(16), bytes.fromhex("a0"), bytes.fromhex("8080")],
}

if __name__ == "__main__":
    corpora = pathlib.Path(__file__).parent / "corpora"
    for target, seeds in SEEDS.items():
        folder = corpora / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed-*"):
            old.unlink()
        for at, seed in enumerate(seeds):
            (folder / f"seed-{at:02}").write_bytes(seed if isinstance(seed, bytes) else seed.encode("utf-8"))
