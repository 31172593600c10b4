"""A policy is asked about the very thing that is touched, however its name is written.

RustFS and SeaweedFS followed `..` into what a policy kept (8r6f, CVE-2026-54917), lakeFS took "/data2" for a part of "/data"
(CVE-2026-26187), VaultS3 cut resources at the first slash, VersityGW read a copy source twice in two ways (67aaa80d), MinIO
let internal names be addressed (CVE-2023-27589). Here a user may use `public/*` and nothing else, another one everything but
`secret/*`, and each asks for what lies in `secret/` in every spelling, by every way that a name travels. In IAM, whose names
have no case, and whose ARNs have paths, the same is tried with users, roles, policies and devices.
"""

import base64
import dataclasses
import hashlib
import re
import urllib.parse

import pytest

import intruders
import samples
from harness import head, sign, with_defaults

BUCKET = "namespace-of-attacks"
PLAIN = "secret/a"

#: Request targets that might lead to `secret/a`; `{b}` is the bucket.
TARGETS = [
    "/{b}/secret/a",
    "/{b}/%73ecret/a",
    "/{b}/%73%65%63%72%65%74%2f%61",
    "/{b}/secret%2Fa",
    "/{b}/secret%2fa",
    "/{b}%2Fsecret%2Fa",
    "/{b}%2fsecret/a",
    "/%6eamespace-of-attacks/secret/a",
    "/{b}/public/../secret/a",
    "/{b}/public/..%2fsecret/a",
    "/{b}/public/%2e%2e/secret/a",
    "/{b}/public/%2E%2E%2Fsecret%2Fa",
    "/{b}/public/.%2e/secret/a",
    "/{b}/public/%252e%252e/secret/a",
    "/{b}/public/%252e%252e%252fsecret%252fa",
    "/{b}/public%2f..%2fsecret%2fa",
    "/{b}/public/..;/secret/a",
    "/{b}/public/;/../secret/a",
    "/{b}/public/..\\secret\\a",
    "/{b}/public/..%5csecret%5ca",
    "/{b}/public\\..\\secret/a",
    "/{b}/public/%c0%ae%c0%ae/secret/a",
    "/{b}/public/%c0%ae%c0%ae%c0%afsecret/a",
    "/{b}/public/%u002e%u002e/secret/a",
    "/{b}/public/\uff0e\uff0e/secret/a",
    "/{b}/\uff53ecret/a",
    "/{b}/s\u00adecret/a",
    "/{b}/secret\u2215a",
    "/{b}/secret%00/a",
    "/{b}/secret/a%00",
    "/{b}/public/%00/../../secret/a",
    "/{b}/public%00/../secret/a",
    "/{b}/public/%0d%0a/../secret/a",
    "/{b}//secret/a",
    "/{b}///secret/a",
    "/{b}/./secret/a",
    "/{b}/secret/./a",
    "/{b}/secret//a",
    "/{b}/secret/a/",
    "/{b}/secret/a/.",
    "/{b}/secret/a/..",
    "/{b}/secret/x/../a",
    "/{b}/SECRET/a",
    "/{b}/Secret/A",
    "//{b}/secret/a",
    "/./{b}/secret/a",
    "/../{b}/secret/a",
    "/x/../{b}/secret/a",
    "/{b}./secret/a",
    "/{b}%20/secret/a",
    "/{b}%00/secret/a",
    "/{B}/secret/a",
    "/{b}:443/secret/a",
    "/{b}@x/secret/a",
    "/{b}/secret/a#public/a",
    "/{b}/public/a#/../../secret/a",
    "/{b}/secret/a;public/a",
    "/{b}/secret/a?key=public/a",
    "/{b}/public/a?key=secret/a",
    "/{b}/public/a?Key=secret/a&prefix=secret/",
    "/{b}/public/a?bucket={b}&object=secret/a",
    "/{b}/secret/a?public/",
    "/{b}/secret/a%3Fpublic/a",
    "/{b}/public/a/../../secret/a?x",
    "/{p}/secret/a",
    "/{p}/%73ecret/a",
    "/{p}/public/../secret/a",
    "/{p}/object/secret/a",
    "/{p}/object/public/../../secret/a",
    "/{P}/secret/a",
    "/arn%3Aaws%3As3%3Aus-east-1%3A{a}%3Aaccesspoint%2Fnamespace/secret/a",
    "/arn:aws:s3:us-east-1:{a}:accesspoint/namespace/object/secret/a",
    "http://localhost/{b}/secret/a",
    "https://localhost/{b}/public/../secret/a",
    "http://{b}.s3.localhost/secret/a",
    "{b}/secret/a",
    "*/{b}/secret/a",
]

#: Hosts that might name the bucket, with the target that is left.
HOSTS = [
    ("{b}.s3.localhost", "/secret/a"),
    ("{B}.s3.localhost", "/secret/a"),
    ("{b}.S3.LOCALHOST", "/secret/a"),
    ("{b}.s3.localhost.", "/secret/a"),
    ("{b}..s3.localhost", "/secret/a"),
    (".{b}.s3.localhost", "/secret/a"),
    ("{b}.s3.localhost", "//secret/a"),
    ("{b}.s3.localhost", "/public/../secret/a"),
    ("{b}.s3.localhost", "/../{b}/secret/a"),
    ("{b}.s3.localhost", "/%2e%2e/{b}/secret/a"),
    ("{b}.s3.localhost", "/{b}/secret/a"),
    ("{b}/secret.s3.localhost", "/a"),
    ("{b}%2fsecret.s3.localhost", "/a"),
    ("x.{b}.s3.localhost", "/secret/a"),
    ("{p}.s3.localhost", "/secret/a"),
    ("{p}.s3.localhost", "/{b}/secret/a"),
    ("namespace-{a}.s3-accesspoint.us-east-1.s3.localhost", "/secret/a"),
    ("s3.localhost", "/{b}/secret/a"),
    ("localhost", "/{b}/secret/a"),
    ("localhost.", "/{b}/secret/a"),
    ("127.0.0.1", "/{b}/secret/a"),
]


@dataclasses.dataclass
class Range:
    """A bucket, what is in it, and who may use a part of it."""

    line: intruders.Line
    root: intruders.Caller
    users: dict
    version: str
    alias: str

    def spelled(self, text):
        texts = {"b": BUCKET, "B": BUCKET.upper(), "p": self.alias, "P": self.alias.upper(), "v": self.version, "a": self.root.key.account_id}
        for name, value in texts.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def raw(self, method, target, caller, *, host="localhost", again=False, headers=(), body=b""):
        """Sends exactly this target, signed as it stands, or as it reads with all escapes undone."""
        named = target.split("://", 1)[-1]
        path, _, query = named[named.find("/") if "://" in target else 0 :].partition("?")
        said = (pair.partition("=") for pair in query.split("&") if pair)
        pairs = [(urllib.parse.unquote(name), urllib.parse.unquote(value)) for name, _, value in said]
        read = urllib.parse.unquote_to_bytes(path.encode())
        host = f"{host}:{self.line.server.plain_port}"
        sha = hashlib.sha256(body).hexdigest()
        signed = _Raw(read) if again else path
        named = {"Host": host, **dict(headers)}
        names = sign(caller.key, method, signed, pairs, named, payload_hash=sha, region="us-east-1")
        try:
            return self.line.exchange(method, head(method, target.replace(" ", "%20"), with_defaults(names, body, host)) + body)
        finally:
            # What is odd in a head ends the connection, sometimes before it is said.
            self.line.close()

    def ask(self, method, path, caller, *, query=(), headers=(), body=b""):
        return self.line.send(samples.Sample("s3", method, method, path, tuple(query), tuple(dict(headers).items()), body), caller)


class _Raw(str):
    """A path whose bytes are signed as they are, whatever they encode."""

    def __new__(cls, read):
        made = super().__new__(cls, read.decode("latin-1"))
        made.read = read
        return made

    def encode(self, *_):
        return self.read


@pytest.fixture(scope="module")
def range_(server, alice, s3):
    iam = server.client(alice, "iam")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=BUCKET, Key=PLAIN, Body=b"precious")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="public/a", Body=b"open")
    s3.put_object(Bucket=BUCKET, Key="public2/a", Body=b"precious")
    control, own = server.client(alice, "s3control", host="s3.localhost"), {"AccountId": alice.account_id, "Name": "namespace"}
    control.create_access_point(**own, Bucket=BUCKET)
    alias = control.get_access_point(**own)["Alias"]
    place, point = f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:us-east-1:{alice.account_id}:accesspoint/namespace"
    lists = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketVersions"], "Resource": place}
    rights = {
        "may public": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": [f"{place}/public/*", f"{point}/object/public/*"]},
            lists | {"Condition": {"StringLike": {"s3:prefix": "public/*"}}},
        ],
        "may all but secret": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": [place, f"{place}/*", f"{point}/object/*"]},
            {"Effect": "Deny", "Action": "s3:*", "Resource": [f"{place}/secret/*", f"{place}/public2/*"]},
            {"Effect": "Deny", "Action": "s3:List*", "Resource": place, "Condition": {"StringNotLike": {"s3:prefix": "public/*"}}},
        ],
    }
    users = {who: intruders.user(iam, alice, f"namespace-{who.replace(' ', '-')}", *rights[who]) for who in rights}
    line = intruders.Line(server)
    yield Range(line, intruders.Caller(alice), users, version, alias)
    line.close()
    control.delete_access_point(**own)
    kept = s3.list_object_versions(Bucket=BUCKET, Prefix="secret/")
    assert [(each["Key"], each["VersionId"]) for each in kept["Versions"]] == [(PLAIN, version)]
    assert "DeleteMarkers" not in kept
    for who in users:
        name = f"namespace-{who.replace(' ', '-')}"
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="rights")
        iam.delete_user(UserName=name)


@pytest.fixture(autouse=True)
def opened(range_, s3):
    """What is open may be deleted, and is there again for the next test."""
    s3.put_object(Bucket=BUCKET, Key="public/a", Body=b"open")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("who", ["may public", "may all but secret"])
def test_no_spelling_of_a_path_leads_to_what_is_kept(range_, s3, who, method):
    """What is answered is a refusal, or is about the very name that was written, which is another one."""
    let_in = {}
    for host, target in [*(("localhost", target) for target in TARGETS), *HOSTS]:
        for again in (False, True):
            answer = range_.raw(method, range_.spelled(target), range_.users[who], host=range_.spelled(host), again=again)
            if b"precious" in answer.body or answer.status >= 500 or answer.headers.get("Content-Length") == "8" and method == "HEAD":
                let_in[host, target, again] = answer.status, answer.body
    assert let_in == {}
    kept = s3.get_object(Bucket=BUCKET, Key=PLAIN)
    assert kept["VersionId"] == range_.version, "it was written over"
    assert not [each for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="secret/").get("Contents", []) if each["Key"] != PLAIN]


def test_the_plain_name_is_let_in_where_it_may(range_):
    """The twin: the same ways lead to what is open, and to what is kept for whoever may."""
    for who in range_.users:
        for again in (False, True):
            assert range_.raw("GET", f"/{BUCKET}/public/a", range_.users[who], again=again).body == b"open"
        assert range_.raw("GET", f"/{BUCKET}/%70ublic/a", range_.users[who], again=True).body == b"open"
        assert range_.raw("GET", "/public/a", range_.users[who], host=f"{BUCKET}.s3.localhost").body == b"open"
        assert range_.raw("GET", f"/{range_.alias}/public/a", range_.users[who]).body == b"open"
    for host, target in (("localhost", f"/{BUCKET}/%73ecret/a"), (f"{BUCKET}.s3.localhost", "/secret/a")):
        assert range_.raw("GET", target, range_.root, host=host, again=True).body == b"precious"


SOURCES = [
    "{b}/secret/a",
    "/{b}/secret/a",
    "//{b}/secret/a",
    "{b}//secret/a",
    "{b}/%73ecret/a",
    "{b}%2Fsecret%2Fa",
    "%2F{b}%2Fsecret%2Fa",
    "{b}/secret%2fa",
    "{b}/public/../secret/a",
    "{b}/public/%2e%2e/secret/a",
    "{b}/public%2F..%2Fsecret%2Fa",
    "{b}/public/%252e%252e/secret/a",
    "../{b}/secret/a",
    "{b}/secret/a?versionId={v}",
    "{b}/secret/a?versionId=null",
    "{b}/secret/a%3FversionId={v}",
    "{b}/public/a?versionId={v}",
    "{b}/public/a?versionId={v}/../secret/a",
    "{b}/public/a?x=/secret/a",
    "{b}/secret/a?public/a",
    "{b}/secret/a#public/a",
    "{b}/secret/a ",
    " {b}/secret/a",
    "{b}/secret/a%00",
    "{b}./secret/a",
    "{B}/secret/a",
    "http://localhost/{b}/secret/a",
    "arn:aws:s3:::{b}/secret/a",
    "arn:aws:s3:us-east-1:{a}:{b}/secret/a",
    "arn:aws:s3:us-east-1:{a}:accesspoint/{b}/object/secret/a",
    "arn:aws:s3:us-east-1:{a}:accesspoint/namespace/object/secret/a",
    "arn:aws:s3:us-east-1:{a}:accesspoint/namespace/object/public/../secret/a",
    "arn:aws:s3:us-east-1:{a}:accesspoint/namespace/secret/a",
    "{p}/secret/a",
    "{p}/secret%2Fa",
    "/{p}/public/../secret/a",
    "{b}/public2/a",
]


@pytest.mark.parametrize("who", ["may public", "may all but secret"])
def test_no_spelling_of_a_copy_source_takes_what_is_kept(range_, s3, who):
    caller, taken = range_.users[who], {}
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key="public/parts")["UploadId"]
    parts = [("partNumber", "1"), ("uploadId", begun)]
    for text in SOURCES:
        source = range_.spelled(text)
        for query in ((), parts):
            for further in ({}, {"X-Amz-Copy-Source-Version-Id": range_.version}):
                headers = {"x-amz-copy-source": source} | further
                answer = range_.ask("PUT", f"/{BUCKET}/public/{'parts' if query else 'copied'}", caller, query=query, headers=headers)
                if answer.status == 200 or answer.status >= 500:
                    taken[text, bool(query)] = answer.status, answer.body
    s3.abort_multipart_upload(Bucket=BUCKET, Key="public/parts", UploadId=begun)
    assert taken == {}
    good = range_.ask("PUT", f"/{BUCKET}/public/copied", caller, headers={"x-amz-copy-source": f"{BUCKET}/public/a"})
    assert good.status == 200, good.body


LISTS = [
    [],
    [("prefix", "")],
    [("prefix", None)],
    [("prefix", "secret/")],
    [("prefix", "s")],
    [("prefix", "public")],
    [("prefix", "public2/")],
    [("prefix", "public/../secret/")],
    [("prefix", "/secret/")],
    [("Prefix", "public/"), ("prefix", "secret/")],
    [("prefix", "secret/"), ("Prefix", "public/")],
    [("prefix", "public/"), ("prefix", "secret/")],
    [("prefix", "secret/"), ("prefix", "public/")],
    [("prefix", "public/"), ("prefix", "")],
    [("prefix", "secret/"), ("x-amz-prefix", "public/")],
    [("prefix", "secret/"), ("s3:prefix", "public/")],
    [("prefix", "secret/"), ("delimiter", "public/")],
    [("prefix", "secret/"), ("start-after", "public/")],
    [("prefix", "secret/"), ("marker", "public/")],
    [("prefix", "secret/\0public/")],
    [("prefix", "\0")],
    [("delimiter", "/")],
    [("delimiter", "/"), ("prefix", "")],
    [("start-after", "public/zz")],
    [("key-marker", "public/zz")],
    [("prefix", "*")],
    [("prefix", "${s3:prefix}")],
]


@pytest.mark.parametrize("who", ["may public", "may all but secret"])
@pytest.mark.parametrize("kind", [[], [("list-type", "2")], [("versions", None)]], ids=["v1", "v2", "versions"])
def test_a_listing_shows_what_its_prefix_was_allowed_for(range_, who, kind):
    shown = {}
    for query in LISTS:
        answer = range_.ask("GET", f"/{BUCKET}", range_.users[who], query=[*kind, *query], headers={"x-amz-prefix": "public/", "prefix": "public/"})
        beside = re.search(b"<(Key|Prefix)>(?!public/)[^<]+", re.sub(b"</?CommonPrefixes>", b"", answer.body))
        if answer.status >= 500 or answer.status == 200 and beside:
            shown[str(query)] = answer.status, answer.body
    assert shown == {}
    answer = range_.ask("GET", f"/{BUCKET}", range_.users[who], query=[*kind, ("prefix", "public/")])
    assert answer.status == 200 and b"<Key>public/a</Key>" in answer.body


@pytest.mark.parametrize("who", ["may public", "may all but secret"])
def test_deleting_many_deletes_nothing_that_is_kept(range_, s3, who):
    keys = [PLAIN, "public/../secret/a", "/secret/a", "./secret/a", "secret//a", "%73ecret/a", "&#115;ecret/a", "secret&#x2f;a", "SECRET/a"]
    entries = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    entries += f"<Object><Key>public/a</Key><Key>{PLAIN}</Key></Object>"
    entries += f"<Object><Key>{PLAIN}</Key><VersionId>{range_.version}</VersionId></Object>"
    entries += "<Object><Key><![CDATA[secret/a]]></Key></Object><Object><Key>public/<!-- -->../secret/a</Key></Object>"
    entries += f"<Object><Key> {PLAIN}</Key></Object>"
    for document in (f"<Delete>{entries}</Delete>", *(f"<Delete>{each}</Object></Delete>" for each in entries.split("</Object>") if each)):
        body = document.encode()
        digest = {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}
        answer = range_.ask("POST", f"/{BUCKET}", range_.users[who], query=[("delete", None)], headers=digest, body=body)
        assert answer.status in (200, 400, 403), answer.body
        assert f"<Deleted><Key>{PLAIN}</Key>".encode() not in answer.body
    assert s3.get_object(Bucket=BUCKET, Key=PLAIN)["VersionId"] == range_.version


def test_a_version_that_is_named_twice_is_the_one_that_was_decided_on(range_, s3, server, alice):
    """Leave for one version is none for another, whichever of two is looked at."""
    iam = server.client(alice, "iam")
    s3.put_object(Bucket=BUCKET, Key="public/versions", Body=b"precious")
    secret = s3.put_object(Bucket=BUCKET, Key="public/versions", Body=b"precious")["VersionId"]
    good = s3.put_object(Bucket=BUCKET, Key="public/versions", Body=b"open")["VersionId"]
    one = {"Effect": "Allow", "Action": "s3:GetObjectVersion", "Resource": "*", "Condition": {"StringEquals": {"s3:VersionId": good}}}
    caller = intruders.user(iam, alice, "namespace-versions", one)
    path = f"/{BUCKET}/public/versions"
    for query in ([good, secret], [secret, good], [secret], [""], [secret.upper()], [good + "\0"], [good, ""], ["", secret]):
        for name in ("versionId", "VersionId", "versionid"):
            answer = range_.ask("GET", path, caller, query=[(name, each) for each in query])
            assert b"precious" not in answer.body and answer.status < 500, (name, query)
            mixed = [("versionId", query[0]), *((name, each) for each in query[1:])]
            assert b"precious" not in range_.ask("GET", path, caller, query=mixed, headers={"x-amz-version-id": secret}).body
    assert range_.ask("GET", path, caller, query=[("versionId", good)]).body == b"open"
