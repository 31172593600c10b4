"""A browser's form is a request like any other: whoever signed its policy must be allowed what the form does.

Ceph CVE-2023-43040 wrote into any bucket; RustFS (w5fh), supabase/storage (#1211) and others parsed conditions and did not
enforce them; floci (#3081) let date and credential disagree; MinIO CVE-2023-28434 led a form into a reserved bucket, #21656
took its tags without asking; SeaweedFS (#7912) let whatever called itself a form in; in RustFS (5qfg) a POST to / reached STS.
What forms are answered like is in `test_signatures.py`; here is what they may not do.
"""

import base64
import dataclasses
import datetime
import hashlib
import hmac
import json

import pytest

import intruders
from harness import amz_date, refused, signing_key, utc_now
from intruders import Caller
from samples import ALL

BUCKET, OTHER = "forms-of-attacks", "forms-of-attacks-other"
BOUNDARY = "----boundary7"
TAGGING = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"


def part(name, value, more=""):
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'.encode()


def body_of(fields, filename="file.txt", content="form body", behind=()):
    """A form: fields as pairs, the file, and what comes behind it."""
    parts = [part(name, value) for name, value in fields]
    parts += [part("file", content, f'; filename="{filename}"'), *(part(name, value) for name, value in behind)]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@dataclasses.dataclass
class Range:
    """Buckets, and who signs."""

    server: object
    s3: object
    root: Caller
    users: dict

    def fields(self, caller, conditions, fields, *, document=None, now=None, expires=300):
        """The fields of a form, signed by the caller's key; its policy says the conditions, or is `document`."""
        now = now or utc_now()
        date = now.strftime("%Y%m%d")
        credential = f"{caller.key.access_key}/{date}/us-east-1/s3/aws4_request"
        fixed = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": amz_date(now)}
        if caller.token:
            fixed["x-amz-security-token"] = caller.token
        ends = (now + datetime.timedelta(seconds=expires)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        said = {"expiration": ends, "conditions": [*conditions, *({name: value} for name, value in fixed.items())]}
        text = document(said) if document else json.dumps(said)
        encoded = base64.b64encode(text.encode()).decode()
        key = signing_key(caller.key.secret_key, date, "us-east-1", "s3")
        signature = hmac.new(key, encoded.encode(), hashlib.sha256).hexdigest()
        return [*fields, *fixed.items(), ("policy", encoded), ("x-amz-signature", signature)]

    def post(self, fields, *, path=f"/{BUCKET}", headers=(), **form):
        named = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **dict(headers)}
        return self.server.http("POST", path, named, body_of(fields, **form))

    def keys(self, bucket=BUCKET):
        return {each["Key"] for each in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


def anything(bucket=BUCKET):
    return [{"bucket": bucket}, ["starts-with", "$key", ""]]


@pytest.fixture(scope="module")
def range_(server, alice, s3):
    iam = server.client(alice, "iam")
    for bucket in (BUCKET, OTHER):
        s3.create_bucket(Bucket=bucket)
    place = f"arn:aws:s3:::{BUCKET}/*"
    rights = {
        "nobody": [],
        "public": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/public/*"}],
        "no forms": [ALL, ALL | {"Effect": "Deny", "Condition": {"StringEquals": {"s3:authType": "POST"}}}],
        "no tags": [ALL, ALL | {"Effect": "Deny", "Action": "s3:PutObjectTagging"}],
        "no lists": [ALL, ALL | {"Effect": "Deny", "Action": "s3:PutObjectAcl"}],
        "no locks": [ALL, ALL | {"Effect": "Deny", "Action": ["s3:PutObjectRetention", "s3:PutObjectLegalHold"]}],
        "no glacier": [ALL, ALL | {"Effect": "Deny", "Condition": {"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}}}],
        "encrypted": [ALL, ALL | {"Effect": "Deny", "Resource": place, "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}}}],
        "old": [ALL, ALL | {"Effect": "Deny", "Condition": {"NumericGreaterThan": {"s3:signatureAge": "60000"}}}],
        "elsewhere": [ALL, ALL | {"Effect": "Deny", "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}],
    }
    users = {who: intruders.user(iam, alice, f"forms-{who.replace(' ', '-')}", *rights[who]) for who in rights}
    yield Range(server, s3, Caller(alice), users)
    for who in users:
        name = f"forms-{who.replace(' ', '-')}"
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for each in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=each)
        iam.delete_user(UserName=name)


def denied(answer):
    return (answer.status, answer.code) == (403, "AccessDenied")


#: By who signs: fields whose upload he may not make, though his own policy of the form allows them.
BEYOND = {
    "nobody": [("key", "k")],
    "public": [("key", "secret/k")],
    "no forms": [("key", "k")],
    "no tags": [("key", "k"), ("tagging", TAGGING)],
    "no lists": [("key", "k"), ("acl", "bucket-owner-full-control")],
    "no locks": [("key", "k"), ("x-amz-object-lock-legal-hold", "ON")],
    "no glacier": [("key", "k"), ("x-amz-storage-class", "STANDARD_IA")],
    "encrypted": [("key", "k")],
    "elsewhere": [("key", "k"), ("X-Forwarded-For", "203.0.113.9"), ("aws:SourceIp", "203.0.113.9"), ("SourceIp", "203.0.113.9")],
}


@pytest.mark.parametrize("who", BEYOND)
def test_a_form_may_do_what_its_signer_may(range_, who):
    fields = BEYOND[who]
    conditions = [*anything(), *(["starts-with", f"${name}", ""] for name, _ in fields[1:])]
    before = range_.keys()
    assert denied(range_.post(range_.fields(range_.users[who], conditions, fields)))
    assert range_.keys() == before
    # The twin: the root user, who may, with the same fields.
    told = range_.post(range_.fields(range_.root, conditions, fields))
    assert told.status == 204 or told.code in ("AccessControlListNotSupported", "InvalidRequest", "NotImplemented"), told.body


def test_what_a_signer_may_he_may_by_a_form(range_):
    assert range_.post(range_.fields(range_.users["public"], anything(), [("key", "public/k")])).status == 204
    encrypted = [("key", "encrypted"), ("x-amz-server-side-encryption", "AES256")]
    conditions = [*anything(), {"x-amz-server-side-encryption": "AES256"}]
    assert range_.post(range_.fields(range_.users["encrypted"], conditions, encrypted)).status == 204


FILES = [
    "../secret/k",
    "..\\secret\\k",
    "C:\\secret\\k",
    "/secret/k",
    "%2e%2e/secret/k",
    "a/../../secret/k",
    "..",
    "",
    'x\\"; name=\\"key',
    'x"; name="key',
    "${filename}",
    "k\0",
]


@pytest.mark.parametrize("filename", FILES)
def test_a_file_s_name_leads_nowhere(range_, filename):
    """`${filename}` is put in as it stands, and what comes out is what is decided on and what is stored."""
    before = range_.keys()
    fields = range_.fields(range_.users["public"], [{"bucket": BUCKET}, ["starts-with", "$key", "public/"]], [("key", "public/${filename}")])
    answer = range_.post(fields, filename=filename)
    assert answer.status in (204, 400, 403), answer.body
    assert all(key.startswith("public/") for key in range_.keys() - before)
    # A name that is the whole key is decided on like any other.
    fields = range_.fields(range_.users["public"], anything(), [("key", "${filename}")])
    answer = range_.post(fields, filename=filename)
    assert answer.status in (400, 403), answer.body


@pytest.mark.parametrize("name", ["secret/k", "public", "public2/k", "/public/k", "PUBLIC/k", "x/public/k", " public/k", "%70ublic/k"])
def test_a_condition_on_the_key_is_one_on_what_is_stored(range_, name):
    conditions = [{"bucket": BUCKET}, ["starts-with", "$key", "public/"]]
    before = range_.keys()
    for fields, form in (
        ([("key", name)], {}),
        ([("key", "${filename}")], {"filename": name}),
        ([("key", "public/k"), ("Key", name)], {}),
        ([("Key", name), ("key", "public/k")], {}),
        ([("key", "public/k"), ("key", name)], {}),
        ([("key", "public/k"), ("x-amz-meta-key", name), ("x-ignore-key", name)], {}),
    ):
        answer = range_.post(range_.fields(range_.root, conditions, fields), **form)
        assert answer.status in (400, 403) or set(fields) != {("key", name)}, answer.body
    # What comes behind the file is not looked at.
    range_.post(range_.fields(range_.root, conditions, [("key", "public/k")]), behind=[("key", name), ("acl", "public-read")])
    assert range_.keys() - before <= {"public/k"}


def test_a_field_that_is_there_twice_is_refused(range_):
    fields = range_.fields(range_.root, anything(), [("key", "twice")])
    for name, value in fields:
        for again in (name, name.upper(), name.title()):
            for made in ([*fields, (again, value)], [(again, "other"), *fields], [*fields, (again, "other")]):
                assert range_.post(made).status in (400, 403), (name, again)
    assert "twice" not in range_.keys()


def document_of(change):
    def made(said):
        return change(json.dumps(said), said)

    return made


#: Policies that say a thing twice, or in a way of their own.
DOCUMENTS = {
    "conditions twice": lambda text, said: text[:-1] + ', "conditions": []}',
    "no conditions first": lambda text, said: '{"conditions": [], ' + text[1:],
    "an expiration twice": lambda text, said: text[:-1] + ', "expiration": "2099-01-01T00:00:00.000Z"}',
    "no expiration": lambda text, said: json.dumps({"conditions": said["conditions"]}),
    "an expiration that is none": lambda text, said: json.dumps(said | {"expiration": "never"}),
    "an expiration of a number": lambda text, said: json.dumps(said | {"expiration": 9999999999}),
    "no conditions": lambda text, said: json.dumps({"expiration": said["expiration"]}),
    "conditions that are none": lambda text, said: json.dumps(said | {"conditions": "*"}),
    "conditions of null": lambda text, said: json.dumps(said | {"conditions": None}),
    "names in another case": lambda text, said: text.replace('"conditions"', '"Conditions"'),
    "an operator that is none": lambda text, said: json.dumps(said | {"conditions": [["matches", "$key", ".*"], *said["conditions"]]}),
    "a condition of two": lambda text, said: json.dumps(said | {"conditions": [["eq", "$key"], *said["conditions"]]}),
    "a condition of a number": lambda text, said: json.dumps(said | {"conditions": [7, *said["conditions"]]}),
    "a key without its dollar": lambda text, said: text.replace("$key", "key"),
    "everything starts with nothing": lambda text, said: json.dumps(said | {"conditions": [["starts-with", "$", ""], *said["conditions"][2:]]}),
    "a star": lambda text, said: json.dumps(said | {"conditions": [{"*": "*"}, *said["conditions"][2:]]}),
    "a tail": lambda text, said: text + " x",
    "two documents": lambda text, said: text + text,
    "a comment": lambda text, said: text + "/* */",
    "no document": lambda text, said: "null",
    "a list": lambda text, said: "[]",
    "nothing": lambda text, said: "",
    "very deep": lambda text, said: json.dumps(said)[:-1] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_policy_of_a_form_says_each_thing_once(range_, name):
    fields = range_.fields(range_.root, anything(), [("key", "documents")], document=document_of(DOCUMENTS[name]))
    answer = range_.post(fields)
    assert answer.status in (400, 403), answer.body
    assert "documents" not in range_.keys()


def test_a_form_is_for_the_bucket_that_it_is_sent_to(range_):
    """Ceph CVE-2023-43040; and its fields name no other one, nor what MinIO kept for itself (CVE-2023-28434)."""
    before = range_.keys(OTHER)
    for fields, conditions, options in (
        ([("key", "k")], anything(), {"path": f"/{OTHER}"}),
        ([("key", "k"), ("bucket", OTHER)], anything(), {}),
        ([("key", "k"), ("bucket", BUCKET)], anything(), {"path": f"/{OTHER}"}),
        ([("key", "k"), ("bucket", OTHER)], anything(OTHER), {}),
        ([("key", "k")], anything(), {"headers": {"Host": f"{OTHER}.s3.localhost"}, "path": "/"}),
        ([("key", f"../{OTHER}/k")], anything(), {}),
        ([("key", "k")], [["starts-with", "$bucket", "forms"], ["starts-with", "$key", ""]], {"path": f"/{OTHER}/../{BUCKET}"}),
    ):
        answer = range_.post(range_.fields(range_.root, conditions, fields), **options)
        assert answer.status in (204, 400, 403, 404, 405), answer.body
    assert range_.keys(OTHER) == before
    for path in ("/.strongroom", "/.minio.sys", "/..", "/names", "/%2e%2e", "//", "/v20180820"):
        assert range_.post(range_.fields(range_.root, anything(), [("key", "k")]), path=path).status in (400, 403, 404, 405), path


QUERIES = ["policy", "acl", "delete", "uploads", "versioning", "uploadId=x", "select&select-type=2", "restore", "tagging", "cors"]


@pytest.mark.parametrize("query", QUERIES)
def test_a_form_is_nothing_but_an_upload(range_, query):
    """Whatever stands in the query: a form stores its object, for whoever may do that, and does nothing else."""
    before = range_.keys()
    path = f"/{BUCKET}?{query}"
    for caller, path in ((range_.root, path), (range_.root, f"/{BUCKET}/k?{query}"), (range_.users["nobody"], path)):
        answer = range_.post(range_.fields(caller, anything(), [("key", "query")]), path=path)
        stored = caller is range_.root and "/k" not in path and answer.status == 204
        assert stored or answer.status in (400, 403, 405), (path, answer.status, answer.body)
    assert range_.keys() - before <= {"query"}
    s3 = range_.s3
    assert s3.get_bucket_versioning(Bucket=BUCKET).get("Status") is None
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
    for call in (s3.get_bucket_policy, s3.get_bucket_cors, s3.get_bucket_tagging):
        assert refused(call, Bucket=BUCKET)[1] == 404


def test_a_form_to_no_bucket_reaches_nothing(range_):
    """RustFS 5qfg: POST / was STS's, without a signature."""
    form = range_.fields(range_.root, anything(), [("Action", "GetCallerIdentity"), ("Version", "2011-06-15"), ("key", "k")])
    assert range_.post(form, path="/").status in (400, 403, 405)
    for path in (f"/{BUCKET}/k", f"/{BUCKET}/k/"):
        assert range_.post(range_.fields(range_.root, anything(), [("key", "k")]), path=path).status in (400, 403, 405), path


def test_a_form_of_a_session_needs_its_token(range_, alice):
    """And the token a condition, as every field does; another's, none and an empty one are refused."""
    sts = range_.server.client(alice, "sts")
    one, two = (Caller.of_session(alice, sts.get_session_token()["Credentials"]) for _ in range(2))
    assert range_.post(range_.fields(one, anything(), [("key", "session")])).status == 204
    tries = {
        "none": dataclasses.replace(one, token=None),
        "another's": dataclasses.replace(one, token=two.token),
        "a long-term key's": dataclasses.replace(range_.root, token=one.token),
        "cut": dataclasses.replace(one, token=one.token[:-4]),
    }
    for name, caller in tries.items():
        answer = range_.post(range_.fields(caller, anything(), [("key", "session-2")]))
        assert answer.status in (400, 403), (name, answer.body)
    unconditioned = range_.fields(dataclasses.replace(one, token=None), anything(), [("key", "session-2"), ("x-amz-security-token", one.token)])
    assert range_.post(unconditioned).status in (400, 403)
    bare = range_.fields(dataclasses.replace(one, token=None), anything(), [("key", "session-2")])
    assert range_.post(bare, headers={"x-amz-security-token": one.token}).status in (400, 403)
    assert "session-2" not in range_.keys()


def test_headers_of_a_form_are_not_its_fields(range_):
    """What no condition can cover is not obeyed: the browser's head says where the form is, and nothing of the object."""
    headers = {
        "x-amz-acl": "public-read",
        "x-amz-tagging": "stolen=1",
        "x-amz-meta-stolen": "1",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-website-redirect-location": "/stolen",
        "x-amz-copy-source": f"/{BUCKET}/public/k",
        "x-amz-object-lock-legal-hold": "ON",
        "Cache-Control": "stolen",
    }
    for name, value in headers.items():
        key = f"headers-{name}"
        answer = range_.post(range_.fields(range_.root, anything(), [("key", key)]), headers={name: value})
        if answer.status != 204:
            assert answer.status in (400, 403), (name, answer.body)
            continue
        got = range_.s3.get_object(Bucket=BUCKET, Key=key)
        assert got["Body"].read() == b"form body" and got["Metadata"] == {}
        assert not {"TagCount", "StorageClass", "WebsiteRedirectLocation", "CacheControl"} & set(got)


def test_an_old_form_is_old(range_):
    """`s3:signatureAge` is the form's: how long ago it was signed."""
    past = utc_now() - datetime.timedelta(minutes=5)
    fields = [("key", "old")]
    assert denied(range_.post(range_.fields(range_.users["old"], anything(), fields, now=past, expires=3600)))
    assert range_.post(range_.fields(range_.users["old"], anything(), fields)).status == 204
    assert range_.post(range_.fields(range_.root, anything(), fields, now=past, expires=3600)).status == 204


def test_the_keys_of_a_form_are_recorded_with_who_signed_it(range_):
    """One record, of the one who signed; neither its signature nor its policy is in there."""
    user = range_.users["public"]
    fields = range_.fields(user, anything(), [("key", "secret/k")])
    answer = range_.post(fields)
    (event,) = range_.server.events_of(answer.headers["x-amz-request-id"])
    assert (event["eventName"], event["errorCode"]) == ("PutObject", "AccessDenied")
    assert event["userIdentity"]["accessKeyId"] == user.key.access_key
    assert event["additionalEventData"]["AuthenticationMethod"] == "POST"
    whole = json.dumps(event)
    assert dict(fields)["x-amz-signature"] not in whole and dict(fields)["policy"] not in whole
