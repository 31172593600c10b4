"""A request of every operation that is built, made from the services' models, about what is really there.

Which operations those are is read from the product: `handler/table.rs` names them, `docs/permissions.md` says what each
asks for. An operation that comes later is attacked without another test; if no request of it can be made here, a test
says so.
"""

import dataclasses
import functools
import json
import re
import urllib.parse

import botocore.model
import botocore.serialize
import botocore.session

import attacks
from harness import ROOT

TABLE = ROOT / "crates" / "server" / "src" / "handler" / "table.rs"
PERMISSIONS = ROOT / "docs" / "permissions.md"
OWN_MODEL = ROOT / "crates" / "api" / "strongroom" / "model" / "service-2.json"

#: Requests that nobody signs: whoever sends one is known by the token in it.
UNSIGNED = {("sts", "AssumeRoleWithWebIdentity")}


@functools.cache
def built():
    """The operations that are built, by service."""
    found = {}
    for body in re.findall(r"^table! \{(.*?)^\}", TABLE.read_text(), re.S | re.M):
        _, service, rest = (part.strip() for part in body.split(",", 2))
        # What stands before a colon is who handles what follows.
        found[service] = [name for name in re.findall(r"\w+\b(?!\s*:)", rest)]
    return found


@functools.cache
def permissions():
    """The actions that each operation always needs, by service and operation."""
    found, last = {}, None
    for line in PERMISSIONS.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 4 or ":" not in cells[2]:
            continue
        if ":" in cells[1]:
            last = tuple(cells[1].split(":"))
        if not cells[1].startswith("&nbsp;"):
            found.setdefault(last, []).append(cells[2])
    return found


def actions_of(service, operation):
    """What somebody needs for the sample request of an operation."""
    named = ACTIONS.get((service, operation))
    return named or list(dict.fromkeys(permissions().get((service, operation)) or [f"{service}:{operation}"]))


#: Where the sample asks for more or less than every request of its operation.
ACTIONS = {
    ("s3", "CopyObject"): ["s3:PutObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging"],
    ("s3", "UploadPartCopy"): ["s3:PutObject", "s3:GetObject"],
    # Of a bucket, which the page's own example does not name.
    ("s3control", "ListTagsForResource"): ["s3:ListTagsForResource"],
    ("s3control", "TagResource"): ["s3:TagResource"],
    ("s3control", "UntagResource"): ["s3:UntagResource"],
}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
HARMLESS = policy({"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"})
NO_TORRENTS = {"Effect": "Deny", "Action": "s3:GetObjectTorrent", "Resource": "*"}


#: What operations that change nothing begin with.
READS = ("Check", "Decode", "Describe", "Explain", "Generate", "Get", "Head", "List", "Select", "Simulate", "Validate")


@dataclasses.dataclass(frozen=True)
class Sample:
    """An unsigned request of one operation."""

    service: str
    operation: str
    method: str
    path: str
    query: tuple
    headers: tuple
    body: bytes
    host: str = "localhost"
    #: What it goes through, where that is not the bucket itself.
    through: str = ""

    @property
    def signing_name(self):
        return model(self.service).signing_name

    def says(self, text):
        """Whether it names `text` anywhere."""
        whole = urllib.parse.unquote(f"{self.path}?{self.query} {self.headers}").encode()
        body = urllib.parse.unquote_to_bytes(self.body)
        return text.encode() in whole or text.encode() in body

    def __str__(self):
        return f"{self.service}:{self.operation}{self.through}"


@functools.cache
def model(service):
    if service == "strongroom":
        return botocore.model.ServiceModel(json.loads(OWN_MODEL.read_text()), service)
    loader = botocore.session.get_session().get_component("data_loader")
    return botocore.model.ServiceModel(loader.load_service_model(service, "service-2"), service)


def samples(place):
    """One request of each operation that is built, about `place`, by service and operation."""
    made = {}
    for service, operations in built().items():
        for operation in operations:
            if operation in ("CreateBucket", "CreateSession") or service != "s3":
                sample = _of_model(service, operation, place)
            else:
                sample = _of_s3(operation, place)
            made[service, operation] = sample
    return made


def through_access_point(place):
    """The requests about an object once more, through the bucket's access point."""
    about = {operation: attacks.operations()[operation] for operation in built()["s3"]}
    return [
        dataclasses.replace(_of_s3(operation, place, place.alias), through=" through an access point")
        for operation, request in about.items()
        if request.path.endswith("/k")
    ]


def _of_s3(operation, place, bucket=None):
    made = attacks.operations()[operation].about(bucket or place.bucket).of_upload(place.upload, place.etag)
    # Lists name their owner and whom they grant to.
    body = made.body.replace(b"0" * 64, place.root.canonical_user_id.encode())
    headers = tuple(made.named(body).items())
    return Sample("s3", operation, made.method, made.path, made.query, headers, body)


def _of_model(service, operation, place):
    described = model(service).operation_model(operation)
    given = place.given(service, operation)
    members = described.input_shape.members if described.input_shape else {}
    wanted = set(described.input_shape.required_members if described.input_shape else ()) | set(given)
    values = place.values(service)
    arguments = {name: given[name] if name in given else _value(name, members[name], values) for name in wanted}
    return request(service, operation, arguments)


def request(service, operation, arguments):
    """A request of one operation with these members."""
    serializer = botocore.serialize.create_serializer(model(service).metadata["protocol"], False)
    made = serializer.serialize_to_request(arguments, model(service).operation_model(operation))
    return _sample(service, operation, made)


def _value(name, shape, values):
    """A value of a shape, with its required members only."""
    if name in values:
        return values[name]
    kind = shape.type_name
    if kind == "structure":
        return {member: _value(member, shape.members[member], values) for member in shape.required_members}
    if kind == "list":
        return [_value(name, shape.member, values)]
    if kind == "map":
        return {"a": "b"}
    if kind == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "text"
    return {"integer": 1, "long": 1, "boolean": True, "blob": b"attack", "timestamp": "2030-01-01T00:00:00Z"}[kind]


def _sample(service, operation, made):
    target = urllib.parse.urlsplit(made["url_path"])
    query = [*urllib.parse.parse_qsl(target.query, keep_blank_values=True), *_pairs(made["query_string"] or {})]
    body = made["body"]
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body, doseq=True)
    body = body.encode() if isinstance(body, str) else bytes(body)
    host = f"{made.get('host_prefix', '')}s3.localhost" if service == "s3control" else "localhost"
    headers = tuple(made["headers"].items())
    path = urllib.parse.unquote(target.path)
    return Sample(service, operation, made["method"], path, tuple(query), headers, body, host)


def _pairs(query):
    return [
        (name, value)
        for name, values in dict(query).items()
        for value in (values if isinstance(values, list) else [values])
    ]
