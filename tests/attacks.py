"""Requests of every S3 operation, made from the model that the SDK comes with: what is in there is attacked.

Each has the members that the model requires and no others, and is unsigned; a test signs it, well or badly.
"""

import base64
import dataclasses
import functools
import hashlib
import json
import urllib.parse

import boto3
import botocore
import botocore.config

#: Stands for the bucket that a request is about, until a test names one.
PLACEHOLDER = "bucket-of-the-attack"

#: One that takes nothing away from anybody whom the tests are.
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:GetObjectTorrent",
                "Resource": f"arn:aws:s3:::{PLACEHOLDER}/*",
            }
        ],
    }
)

#: What a request says for a member, where the first value that the model allows is none that makes sense.
VALUES = {
    "Bucket": PLACEHOLDER,
    "Key": "k",
    "CopySource": f"{PLACEHOLDER}/k",
    "RenameSource": f"{PLACEHOLDER}/k",
    "UploadId": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "Location": "https://example.com/",
    "Expression": "select * from s3object",
    "AnnotationName": "note",
    "TableBucketArn": "arn:aws:s3tables:us-east-1:123456789012:bucket/b",
    "IAMRoleArn": "arn:aws:iam::123456789012:role/r",
    "KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k",
    "Role": "arn:aws:iam::123456789012:role/r",
    "Policy": POLICY,
    "Days": 1,
    "Payer": "BucketOwner",
    "AbacStatus": {"Status": "Disabled"},
    "PartNumber": 1,
    "AllowedMethods": ["GET"],
    "AllowedOrigins": ["https://example.com"],
    "CreateBucketConfiguration": {},
    "VersioningConfiguration": {"Status": "Suspended"},
    "ServerSideEncryptionConfiguration": {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]
    },
    "AccessControlPolicy": {
        "Owner": {"ID": "0" * 64},
        "Grants": [{"Permission": "READ", "Grantee": {"Type": "CanonicalUser", "ID": "0" * 64}}],
    },
    "WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}},
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
    "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2040-01-01T00:00:00Z"},
    "MultipartUpload": {"Parts": [{"ETag": '"the-tag-of-part-one"', "PartNumber": 1}]},
}

#: Operations of other endpoints (directory buckets, Object Lambda), which the SDK sends elsewhere.
ELSEWHERE = {"CreateSession", "ListDirectoryBuckets", "WriteGetObjectResponse"}


@dataclasses.dataclass(frozen=True)
class Request:
    """An unsigned request of one operation."""

    operation: str
    method: str
    path: str
    query: tuple
    headers: tuple
    body: bytes
    #: Whether the model demands a digest of the body.
    digested: bool = False

    def about(self, bucket):
        """The same about another bucket."""

        def named(text):
            return text.replace(PLACEHOLDER, bucket)

        return dataclasses.replace(
            self,
            path=named(self.path),
            headers=tuple((name, named(value)) for name, value in self.headers),
            body=self.body.replace(PLACEHOLDER.encode(), bucket.encode()),
        )

    def named(self, body=None, headers=()):
        """Its headers and further ones; with a digest where the model demands one and none is given."""
        named = dict(self.headers) | dict(headers)
        stated = any(name.lower() == "content-md5" or name.lower().startswith("x-amz-checksum-") for name in named)
        if self.digested and not stated:
            named["Content-MD5"] = base64.b64encode(hashlib.md5(self.body if body is None else body).digest()).decode()
        return named

    def send(self, server, account, *, headers=(), query=(), body=None, **options):
        """Signs it as it stands, and what is added."""
        named = self.named(body, headers)
        body = self.body if body is None else body
        return server.signed(account, self.method, self.path, [*self.query, *query], named, body, **options)

    def of_upload(self, upload_id, etag):
        """The same about an upload that is there."""

        def named(text):
            return text and text.replace(VALUES["UploadId"], upload_id)

        return dataclasses.replace(
            self,
            query=tuple((name, named(value)) for name, value in self.query),
            body=self.body.replace(b'"the-tag-of-part-one"', etag.encode()),
        )

    @property
    def reads(self):
        return self.method in ("GET", "HEAD") or self.operation == "SelectObjectContent"

    def __str__(self):
        return self.operation


class _Made(Exception):
    """Carries a request out of the SDK before it is sent."""


def _value(name, shape, depth=0):
    """A value of a shape, with its required members only."""
    if name in VALUES:
        return VALUES[name]
    kind = shape.type_name
    if kind == "structure":
        names = set(shape.required_members)
        if shape.is_tagged_union or (not names and depth == 0):
            names |= set(list(shape.members)[:1])
        return {member: _value(member, shape.members[member], depth + 1) for member in sorted(names)}
    if kind == "list":
        return [_value(name, shape.member, depth + 1)]
    if kind == "map":
        return {"a": "b"}
    if kind == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "text"
    if kind == "timestamp":
        return "2030-01-01T00:00:00Z"
    return {"integer": 1, "long": 1, "boolean": True, "blob": b"attack", "float": 1.0, "double": 1.0}[kind]


def _arguments(model):
    shape = model.input_shape
    if shape is None:
        return {}
    names = set(shape.required_members)
    payload = shape.serialization.get("payload")
    if payload and shape.members[payload].type_name in ("structure", "blob"):
        names.add(payload)
    return {name: _value(name, shape.members[name]) for name in names}


@functools.cache
def operations():
    """One request of each operation of S3, by name."""
    config = botocore.config.Config(
        signature_version=botocore.UNSIGNED,
        request_checksum_calculation="when_required",
        retries={"total_max_attempts": 1},
        parameter_validation=False,
        s3={"addressing_style": "path"},
    )
    client = boto3.session.Session().client("s3", endpoint_url="http://localhost:1", region_name="us-east-1", config=config)

    def take(request, **_):
        raise _Made(request)

    client.meta.events.register("before-send.s3", take)
    made = {}
    for name in sorted(client.meta.service_model.operation_names):
        if name in ELSEWHERE:
            continue
        model = client.meta.service_model.operation_model(name)
        try:
            client._make_api_call(name, _arguments(model))  # pylint: disable=protected-access
        except _Made as sent:
            made[name] = _request(name, sent.args[0])
    return made


def _request(name, sent):
    target = urllib.parse.urlsplit(sent.url)
    pairs = []
    for part in target.query.split("&") if target.query else ():
        key, equals, value = part.partition("=")
        pairs.append((urllib.parse.unquote(key), urllib.parse.unquote(value) if equals else None))
    kept, digested = [], False
    for key, value in sent.headers.items():
        if key.lower().startswith(("x-amz-checksum-crc", "x-amz-sdk-checksum")) or key.lower() == "content-md5":
            digested = True
            continue
        if key.lower() in ("content-length", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "expect", "host"):
            continue
        kept.append((key, value.decode() if isinstance(value, bytes) else value))
    body = sent.body or b""
    body = body.read() if hasattr(body, "read") else body
    body = body.encode() if isinstance(body, str) else bytes(body)
    return Request(name, sent.method, urllib.parse.unquote(target.path), tuple(pairs), tuple(kept), body, digested)
