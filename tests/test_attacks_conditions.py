"""What a policy asks about comes from the connection, the signature and the store, never from who asks.

RustFS took the values of headers that were called like condition keys (6r96) and of X-Forwarded-For (CVE-2026-21862), and
swapped ForAllValues and ForAnyValue under a negation (v9cp); VersityGW left conditions out. Here every global key is forged
in each place that a request has, in each spelling, against a policy that lets in only who has the forged value; and every
operator, negated or not, is tried on every set of values against what AWS documents.
"""

import base64
import dataclasses
import fnmatch
import hashlib
import itertools
import json
import re
import urllib.parse

import pytest

import intruders
import samples
from harness import EMPTY_SHA256
from intruders import code_of, message_of
from place import told
from samples import ALL, policy

#: Another one than whoever asks here.
OTHER = "999999999999"

#: Keys with a value that they do not have here. Source: IAM User Guide, "AWS global condition context keys"; Service
#: Authorization Reference, "Condition keys for Amazon S3". Left out is what a client may say for itself: the user agent,
#: the referer, and what S3 asks about its own headers and parameters.
FORGED = {
    "aws:AssumedRoot": "true",
    "aws:CalledVia": "athena.amazonaws.com",
    "aws:CalledViaFirst": "athena.amazonaws.com",
    "aws:CalledViaLast": "athena.amazonaws.com",
    "aws:ChatbotSourceArn": "arn:aws:chatbot::999999999999:chat-configuration/slack-channel/x",
    "aws:CurrentTime": "2001-01-01T00:00:00Z",
    "aws:Ec2InstanceSourcePrivateIPv4": "10.0.0.1",
    "aws:Ec2InstanceSourceVpc": "vpc-0123456789abcdef0",
    "aws:EpochTime": "1000000000",
    "aws:FederatedProvider": "cognito-identity.amazonaws.com",
    "aws:MultiFactorAuthAge": "5",
    "aws:MultiFactorAuthPresent": "true",
    "aws:PrincipalAccount": OTHER,
    "aws:PrincipalArn": f"arn:aws:iam::{OTHER}:root",
    "aws:PrincipalIsAWSService": "true",
    "aws:PrincipalOrgID": "o-aaaaaaaaaa",
    "aws:PrincipalOrgPaths": "o-aaaaaaaaaa/r-aaaa/",
    "aws:PrincipalServiceName": "cloudtrail.amazonaws.com",
    "aws:PrincipalServiceNamesList": "cloudtrail.amazonaws.com",
    "aws:PrincipalTag/team": "red",
    "aws:PrincipalType": "Account",
    "aws:RequestTag/team": "red",
    "aws:RequestedRegion": "eu-central-1",
    "aws:ResourceAccount": OTHER,
    "aws:ResourceOrgID": "o-aaaaaaaaaa",
    "aws:ResourceOrgPaths": "o-aaaaaaaaaa/r-aaaa/",
    "aws:ResourceTag/team": "red",
    "aws:SecureTransport": "true",
    "aws:SourceAccount": OTHER,
    "aws:SourceArn": f"arn:aws:sns:us-east-1:{OTHER}:topic",
    "aws:SourceIdentity": "ann",
    "aws:SourceIp": "203.0.113.9",
    "aws:SourceOrgID": "o-aaaaaaaaaa",
    "aws:SourceOrgPaths": "o-aaaaaaaaaa/r-aaaa/",
    "aws:SourceVpc": "vpc-0123456789abcdef0",
    "aws:SourceVpcArn": "arn:aws:ec2:us-east-1:999999999999:vpc/vpc-0123456789abcdef0",
    "aws:SourceVpce": "vpce-0123456789abcdef0",
    "aws:TagKeys": "team",
    "aws:TokenIssueTime": "2001-01-01T00:00:00Z",
    "aws:ViaAWSService": "true",
    "aws:VpcSourceIp": "10.0.0.1",
    "aws:userid": f"{OTHER}",
    "aws:username": "root",
    "ec2:RoleDelivery": "2.0",
    "ec2:SourceInstanceARN": f"arn:aws:ec2:us-east-1:{OTHER}:instance/i-0123456789abcdef0",
    "s3:AccessPointNetworkOrigin": "VPC",
    "s3:DataAccessPointAccount": OTHER,
    "s3:DataAccessPointArn": f"arn:aws:s3:us-east-1:{OTHER}:accesspoint/a",
    "s3:ExistingObjectTag/team": "red",
    "s3:ResourceAccount": OTHER,
    "s3:TlsVersion": "1.3",
    "s3:authType": "POST",
    "s3:signatureversion": "AWS",
}


def operator(value):
    """One that compares such values."""
    if value in ("true", "false"):
        return "Bool"
    if value.count(".") == 3 and value.replace(".", "").isdigit():
        return "IpAddress"
    return "DateEquals" if "T" in value and value.endswith("Z") else "StringEquals"


def spellings(key):
    """Names of headers and parameters that somebody might take for this key."""
    _, name = key.split(":")
    name = name.replace("/", "-")
    dashed = "".join(f"-{each}" if each.isupper() and at else each for at, each in enumerate(name)).lower()
    flat = name.lower()
    plain = [name, dashed, flat, f"aws-{dashed}", f"aws_{flat}", f"X-{name}", f"X-{dashed}", f"X-Aws-{name}", f"aws.{flat}"]
    return list(dict.fromkeys(plain)), list(dict.fromkeys([f"x-amz-{dashed}", f"x-amz-{flat}", f"x-amz-meta-{flat}"]))


@dataclasses.dataclass
class Range:
    """A bucket, a user whose rights are written anew for each shot, and the line that it asks on."""

    line: intruders.Line
    root: intruders.Caller
    user: intruders.Caller
    name: str
    bucket: str

    def may(self, *statements):
        arguments = {"UserName": self.name, "PolicyName": "rights", "PolicyDocument": policy(*statements)}
        done = self.line.send(samples.request("iam", "PutUserPolicy", arguments), self.root)
        assert done.status == 200, done.body

    def shared(self, *statements):
        """The bucket's policy."""
        body = policy(*statements).encode()
        digest = (("Content-MD5", base64.b64encode(hashlib.md5(body).digest()).decode()),)
        sample = samples.Sample("s3", "PutBucketPolicy", "PUT", f"/{self.bucket}", (("policy", None),), digest, body)
        done = self.line.send(sample, self.root)
        assert done.status == 204, done.body

    def get(self, **options):
        return self.line.send(samples.Sample("s3", "GetObject", "GET", f"/{self.bucket}/k", (), (), b""), self.user, **options)


@pytest.fixture(scope="module")
def range_(server, alice, s3):
    name = "conditions-of-attacks"
    iam = server.client(alice, "iam")
    user = intruders.user(iam, alice, name)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"precious")
    line = intruders.Line(server)
    yield Range(line, intruders.Caller(alice), user, name, name)
    line.close()
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="rights")
    iam.delete_user(UserName=name)


def bodies(key, value):
    """Requests of the other protocols, with the key among what their bodies say."""
    plain, amz = spellings(key)
    names = [key, *plain, *amz, f"Context.{key}", "ContextEntries.member.1.ContextKeyName"]
    form = samples.request("iam", "ListUsers", {})
    said = "".join(f"&{urllib.parse.quote(name)}={urllib.parse.quote(value)}" for name in names)
    yield dataclasses.replace(form, body=form.body + said.encode())
    listing = samples.request("organizations", "ListRoots", {})
    yield dataclasses.replace(listing, body=json.dumps({name: value for name in names}).encode())


def forgeries(range_, key, value):
    """The answer to each request that says that it has the value."""
    plain, amz = spellings(key)
    yield "headers", range_.get(headers={name: value for name in plain})
    for name in amz:
        yield name, range_.get(headers={name: value})
        yield f"?{name}", range_.get(query=[(name, value)])
    yield "?", range_.get(query=[(name, value) for name in [key, *plain]])
    yield "fragment", range_.get(headers={"Referer": f"https://a.test/?{key}={value}", "User-Agent": f"{key}={value}"})
    for sample in bodies(key, value):
        yield str(sample), range_.line.send(sample, range_.user)


@pytest.mark.parametrize("key", FORGED)
def test_what_a_request_says_of_a_key_is_not_its_value(range_, key):
    value = FORGED[key]
    range_.may(ALL | {"Condition": {operator(value): {key: value}}})
    let_in = {
        place: (answer.status, code_of(answer))
        for place, answer in forgeries(range_, key, value)
        if b"precious" in answer.body or code_of(answer) not in ("AccessDenied", "AccessDeniedException")
    }
    assert let_in == {}


@pytest.fixture(scope="module")
def true(server, alice, range_):
    """What the keys are here."""
    organization = server.client(alice, "organizations").describe_organization()["Organization"]["Id"]
    top = server.client(alice, "organizations").list_roots()["Roots"][0]["Id"]
    return {
        "aws:PrincipalAccount": alice.account_id,
        "aws:PrincipalArn": f"arn:aws:iam::{alice.account_id}:user/{range_.name}",
        "aws:PrincipalOrgID": organization,
        "aws:PrincipalOrgPaths": f"{organization}/{top}/",
        "aws:PrincipalType": "User",
        "aws:RequestedRegion": "us-east-1",
        "aws:ResourceAccount": alice.account_id,
        "aws:ResourceOrgID": organization,
        "aws:SecureTransport": "false",
        "aws:SourceIp": "127.0.0.0/8",
        "aws:ViaAWSService": "false",
        "aws:username": range_.name,
        "s3:ResourceAccount": alice.account_id,
        "s3:authType": "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
    }


def test_the_same_policies_let_in_who_has_the_value(range_, true):
    """The twin: each key has its value, and still has it when the request says another."""
    wrong = {}
    for key, value in true.items():
        test = "IpAddress" if key == "aws:SourceIp" else operator(value)
        test = f"ForAnyValue:{test}" if key.endswith("Paths") else test
        range_.may(ALL | {"Condition": {test: {key: value}}})
        plain, _ = spellings(key)
        for headers in ({}, {name: FORGED[key] for name in plain}):
            answer = range_.get(headers=headers)
            if answer.body != b"precious":
                wrong[key] = answer.status, message_of(answer)
    assert wrong == {}


def test_a_denial_cannot_be_talked_away(range_):
    """What is denied unless a key has a value is denied to whoever only says so."""
    wrong = {}
    for key, value in FORGED.items():
        negated = {"Bool": "Bool", "IpAddress": "NotIpAddress", "DateEquals": "DateNotEquals", "StringEquals": "StringNotEquals"}
        test = negated[operator(value)]
        asked = {test: {key: "false" if test == "Bool" else value}}
        if key in ABSENT:
            asked = {"Null": {key: "true"}}
        range_.may(ALL, ALL | {"Effect": "Deny", "Condition": asked})
        for place, answer in forgeries(range_, key, value):
            if b"precious" in answer.body or code_of(answer) not in ("AccessDenied", "AccessDeniedException"):
                wrong[key, place] = answer.status, code_of(answer)
    assert wrong == {}


#: Keys of truth that a request like these does not have.
ABSENT = {"aws:AssumedRoot", "aws:MultiFactorAuthPresent"}


def test_a_variable_is_not_what_a_header_says(range_):
    """A folder of one's own is that of who signed; a variable without a value leads nowhere."""
    for variable, value in (("aws:username", "k"), ("aws:PrincipalTag/team", "k"), ("aws:SourceIdentity", "k")):
        range_.may({"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{range_.bucket}/${{{variable}}}"})
        plain, amz = spellings(variable)
        answers = [range_.get(headers={name: value}) for name in [*plain, *amz]]
        answers += [range_.get(query=[(name, value)]) for name in [variable, *plain, *amz]]
        assert {(answer.status, code_of(answer)) for answer in answers} == {(403, "AccessDenied")}, variable


#: How one value is compared with those of the policy.
TESTS = {
    "StringEquals": lambda value, wanted: value in wanted,
    "StringNotEquals": lambda value, wanted: value not in wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() in [each.lower() for each in wanted],
    "StringNotEqualsIgnoreCase": lambda value, wanted: value.lower() not in [each.lower() for each in wanted],
    "StringLike": lambda value, wanted: any(fnmatch.fnmatchcase(value, each) for each in wanted),
    "StringNotLike": lambda value, wanted: not any(fnmatch.fnmatchcase(value, each) for each in wanted),
}

#: Tags of an upload, and what policies compare their keys with.
TAGS = [[], ["a"], ["b"], ["A"], ["a", "b"], ["b", "c"], ["ab"]]
WANTED = [["a"], ["a", "b"], ["a*"]]


def holds(quantifier, test, if_exists, values, wanted):
    """Whether a condition holds. Source: IAM User Guide, "Set operators for multivalued context keys", and "IAM JSON
    policy elements: Condition operators", "...IfExists condition operators" and "StringNotEquals"."""
    if not values:
        return if_exists or quantifier == "ForAllValues:" or (quantifier == "" and "Not" in test)
    every = all if quantifier == "ForAllValues:" else any
    return every(TESTS[test](value, wanted) for value in values)


def upload(range_, tags):
    headers = {"x-amz-tagging": "&".join(f"{tag}=1" for tag in tags)} if tags else {}
    sample = samples.Sample("s3", "PutObject", "PUT", f"/{range_.bucket}/tagged", (), tuple(headers.items()), b"x")
    answer = range_.line.send(sample, range_.user)
    assert (answer.status, code_of(answer)) in ((200, None), (403, "AccessDenied")), answer.body
    return answer.status == 200


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("quantifier", ["", "ForAllValues:", "ForAnyValue:"])
def test_operators_are_not_swapped_under_a_negation(range_, quantifier, test):
    """RustFS v9cp. In a grant and in a denial; of the caller's policy and of the bucket's."""
    wrong = []
    puts = {"Effect": "Allow", "Action": "s3:PutObject*", "Resource": "*"}
    on = {"Principal": "*", "Resource": f"arn:aws:s3:::{range_.bucket}/*"}
    for if_exists, wanted in itertools.product((False, True), WANTED):
        named = f"{quantifier}{test}{'IfExists' if if_exists else ''}"
        condition = {"Condition": {named: {"s3:RequestObjectTagKeys": wanted}}}
        expected = {tuple(tags): holds(quantifier, test, if_exists, tags, wanted) for tags in TAGS}
        if not quantifier:
            # Without a set operator AWS leaves open what several values are compared like.
            expected = {tags: held for tags, held in expected.items() if len(tags) < 2}
        for side in ("grants", "denies", "denies in the bucket's policy"):
            denial = puts | condition | {"Effect": "Deny"}
            range_.may(*{"grants": [puts | condition], "denies": [puts, denial]}.get(side, [puts]))
            range_.shared((denial if "bucket" in side else samples.NO_TORRENTS) | on)
            for tags, held in expected.items():
                if upload(range_, tags) != (held if side == "grants" else not held):
                    wrong.append((named, wanted, side, tags, "held" if held else "did not hold"))
    range_.shared(samples.NO_TORRENTS | on)
    assert wrong == []


@pytest.mark.parametrize("null", ["true", "false"])
def test_null_asks_whether_a_key_is_there(range_, null):
    puts = {"Effect": "Allow", "Action": "s3:PutObject*", "Resource": "*"}
    condition = {"Condition": {"Null": {"s3:RequestObjectTag/a": null}}}
    for tags in ([], ["a"], ["b"]):
        held = ("a" not in tags) == (null == "true")
        range_.may(puts | condition)
        assert upload(range_, tags) == held, tags
        range_.may(puts, puts | condition | {"Effect": "Deny"})
        assert upload(range_, tags) != held, tags


@pytest.mark.parametrize("test", [test for test in TESTS if "Not" in test])
def test_a_variable_without_a_value_never_lets_in(range_, test):
    """Under a negation it would be unequal to everything: a grant is none then, and a denial holds."""
    puts = {"Effect": "Allow", "Action": "s3:PutObject*", "Resource": "*"}
    condition = {"Condition": {test: {"s3:RequestObjectTag/a": "${aws:PrincipalTag/nothing}"}}}
    range_.may(puts | condition)
    assert not upload(range_, ["a"])
    range_.may(puts, puts | condition | {"Effect": "Deny"})
    assert not upload(range_, ["a"])
    range_.may(puts | {"Condition": {test: {"s3:RequestObjectTag/a": "${aws:PrincipalTag/nothing, '2'}"}}})
    assert upload(range_, ["a"])


@pytest.mark.parametrize("key", ["aws:SourceIp", "AWS:SOURCEIP", "aws:sourceip", "Aws:sOURCEiP"])
def test_the_case_of_a_key_changes_nothing(range_, key):
    range_.may(ALL, ALL | {"Effect": "Deny", "Condition": {"IpAddress": {key: "127.0.0.0/8"}}})
    assert code_of(range_.get()) == "AccessDenied"
    range_.may(ALL | {"Condition": {"IpAddress": {key: "127.0.0.0/8"}}})
    assert range_.get().body == b"precious"


def object_(method, operation, headers=(), query=()):
    key = "k" if method == "GET" else "made"
    return samples.Sample("s3", operation, method, f"/{{b}}/{key}", tuple(query), tuple(dict(headers).items()), b"")


def listing(query):
    return samples.Sample("s3", "ListObjects", "GET", "/{b}", tuple(query), (), b"")


def new_bucket(name, value):
    return samples.Sample("s3", "CreateBucket", "PUT", "/{b}-made", (), ((name, value),), b"")


def call(service, operation, **arguments):
    return samples.request(service, operation, arguments)


def take(**more):
    """An AssumeRole of a role that is not there."""
    return call("sts", "AssumeRole", RoleArn=f"arn:aws:iam::{OTHER}:role/none", RoleSessionName="session", **more)


def xml(operation, query, body):
    """A request about an object, or of a bucket, with this body."""
    path, method = ("/{b}", "POST") if operation == "DeleteObjects" else ("/{b}/k", "PUT")
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    return samples.Sample("s3", operation, method, path, ((query, None),), (("Content-MD5", digest),), body)


MADE = "made-of-conditions"
LATER = "2099-01-01T00:00:00Z"
RETENTION = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{LATER}</RetainUntilDate></Retention>".encode()
DELETE = b"<Delete><Object><Key>k</Key><VersionId>null</VersionId></Object></Delete>"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
COPY = {"x-amz-copy-source": "{b}/k"}
SOMEBODY = f'id="{"0" * 64}"'

#: By the key, and where a request has it in more than one way by what tells them apart: its value, and a request that has
#: it by what it says itself. Source: Service Authorization Reference, the
#: tables of S3, IAM, STS, Organizations and Account Management.
SAID_BY_REQUESTS = {
    "s3:delimiter": ("/", listing([("delimiter", "/")])),
    "s3:if-match": ('"x"', object_("PUT", "PutObject", {"If-Match": '"x"'})),
    "s3:if-none-match": ("*", object_("PUT", "PutObject", {"If-None-Match": "*"})),
    "s3:locationconstraint": (
        "eu-west-1",
        call("s3", "CreateBucket", Bucket=MADE, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}),
    ),
    "s3:max-keys": ("7", listing([("max-keys", "7")])),
    "s3:object-lock-legal-hold": ("ON", object_("PUT", "PutObject", {"x-amz-object-lock-legal-hold": "ON"})),
    "s3:object-lock-mode": ("GOVERNANCE", object_("PUT", "PutObject", {"x-amz-object-lock-mode": "GOVERNANCE"})),
    ("s3:object-lock-legal-hold", "in a body"): (
        "ON",
        xml("PutObjectLegalHold", "legal-hold", b"<LegalHold><Status>ON</Status></LegalHold>"),
    ),
    ("s3:object-lock-mode", "in a body"): ("GOVERNANCE", xml("PutObjectRetention", "retention", RETENTION)),
    ("s3:object-lock-retain-until-date", "in a body"): (LATER, xml("PutObjectRetention", "retention", RETENTION)),
    "s3:ObjectCreationOperation": ("true", object_("PUT", "PutObject")),
    ("s3:ObjectCreationOperation", "of a part"): (
        "false",
        object_("PUT", "UploadPart", query=[("partNumber", "1"), ("uploadId", "x")]),
    ),
    "s3:prefix": ("p", listing([("prefix", "p")])),
    "s3:RequestObjectTag/a": ("1", object_("PUT", "PutObject", {"x-amz-tagging": "a=1"})),
    "s3:RequestObjectTagKeys": ("a", object_("PUT", "PutObject", {"x-amz-tagging": "a=1"})),
    "s3:versionid": ("null", object_("GET", "GetObject", query=[("versionId", "null")])),
    ("s3:versionid", "of one of many"): ("null", xml("DeleteObjects", "delete", DELETE)),
    ("s3:versionid", "of a source"): (
        "null",
        object_("PUT", "CopyObject", {"x-amz-copy-source": "{b}/k?versionId=null"}),
    ),
    "s3:x-amz-acl": ("private", object_("PUT", "PutObject", {"x-amz-acl": "private"})),
    "s3:x-amz-bucket-namespace": ("global", new_bucket("x-amz-bucket-namespace", "global")),
    "s3:x-amz-content-sha256": (EMPTY_SHA256, object_("GET", "GetObject")),
    "s3:x-amz-copy-source": ("{b}/k", object_("PUT", "CopyObject", COPY)),
    "s3:x-amz-grant-full-control": (SOMEBODY, object_("PUT", "PutObject", {"x-amz-grant-full-control": SOMEBODY})),
    "s3:x-amz-grant-read": (SOMEBODY, object_("PUT", "PutObject", {"x-amz-grant-read": SOMEBODY})),
    "s3:x-amz-grant-read-acp": (SOMEBODY, object_("PUT", "PutObject", {"x-amz-grant-read-acp": SOMEBODY})),
    "s3:x-amz-grant-write": (SOMEBODY, new_bucket("x-amz-grant-write", SOMEBODY)),
    "s3:x-amz-grant-write-acp": (SOMEBODY, object_("PUT", "PutObject", {"x-amz-grant-write-acp": SOMEBODY})),
    "s3:x-amz-metadata-directive": ("REPLACE", object_("PUT", "CopyObject", COPY | {"x-amz-metadata-directive": "REPLACE"})),
    "s3:x-amz-object-ownership": ("ObjectWriter", new_bucket("x-amz-object-ownership", "ObjectWriter")),
    "s3:x-amz-server-side-encryption": ("AES256", object_("PUT", "PutObject", {"x-amz-server-side-encryption": "AES256"})),
    "s3:x-amz-server-side-encryption-aws-kms-key-id": (
        "alias/x",
        object_("PUT", "PutObject", {"x-amz-server-side-encryption-aws-kms-key-id": "alias/x"}),
    ),
    "s3:x-amz-server-side-encryption-customer-algorithm": (
        "AES256",
        object_("PUT", "PutObject", {"x-amz-server-side-encryption-customer-algorithm": "AES256"}),
    ),
    "s3:x-amz-storage-class": ("STANDARD", object_("PUT", "PutObject", {"x-amz-storage-class": "STANDARD"})),
    "s3:x-amz-website-redirect-location": ("/x", object_("PUT", "PutObject", {"x-amz-website-redirect-location": "/x"})),
    "aws:RequestTag/a": ("1", call("iam", "CreateUser", UserName=MADE, Tags=[{"Key": "a", "Value": "1"}])),
    "aws:TagKeys": ("a", call("iam", "CreateUser", UserName=MADE, Tags=[{"Key": "a", "Value": "1"}])),
    "iam:AWSServiceName": ("x.amazonaws.com", call("iam", "CreateServiceLinkedRole", AWSServiceName="x.amazonaws.com")),
    "iam:AssociatedResourceArn": (
        "arn:aws:ec2:*:{a}:instance/*",
        call("iam", "AddRoleToInstanceProfile", InstanceProfileName="none", RoleName="none"),
    ),
    "iam:PassedToService": (
        "ec2.amazonaws.com",
        call("iam", "AddRoleToInstanceProfile", InstanceProfileName="none", RoleName="none"),
    ),
    "iam:PermissionsBoundary": (READ_ONLY, call("iam", "CreateUser", UserName=MADE, PermissionsBoundary=READ_ONLY)),
    "iam:PolicyARN": (READ_ONLY, call("iam", "AttachUserPolicy", UserName="nobody-here", PolicyArn=READ_ONLY)),
    "sts:ExternalId": ("secret", take(ExternalId="secret")),
    "sts:RoleSessionName": ("session", take()),
    "sts:SourceIdentity": ("ann", take(SourceIdentity="ann")),
    "sts:TransitiveTagKeys": ("a", take(Tags=[{"Key": "a", "Value": "1"}], TransitiveTagKeys=["a"])),
    "organizations:PolicyType": (
        "S3_POLICY",
        call("organizations", "CreatePolicy", Content="{}", Description="", Name=MADE, Type="S3_POLICY"),
    ),
    ("organizations:PolicyType", "of a list"): ("S3_POLICY", call("organizations", "ListPolicies", Filter="S3_POLICY")),
    ("organizations:PolicyType", "of a root"): (
        "S3_POLICY",
        call("organizations", "EnablePolicyType", RootId="r-none", PolicyType="S3_POLICY"),
    ),
    ("organizations:PolicyType", "of an account"): (
        "S3_POLICY",
        call("organizations", "DescribeEffectivePolicy", PolicyType="S3_POLICY"),
    ),
    "organizations:ServicePrincipal": (
        "x.amazonaws.com",
        call("organizations", "ListDelegatedAdministrators", ServicePrincipal="x.amazonaws.com"),
    ),
    "account:AlternateContactTypes": ("SECURITY", call("account", "GetAlternateContact", AlternateContactType="SECURITY")),
    "account:EmailTargetDomain": (
        "example.org",
        call("account", "StartPrimaryEmailUpdate", AccountId=OTHER, PrimaryEmail="new@example.org"),
    ),
    "account:TargetRegion": ("us-east-1", call("account", "GetRegionOptStatus", RegionName="us-east-1")),
}


def test_what_a_policy_may_ask_of_a_request_it_can_ask(range_, server, alice):
    """A denial on a key that has its value denies, and one on another value does not."""
    iam = server.client(alice, "iam")
    wrong, unfilled = {}, set()
    for named, (value, sample) in SAID_BY_REQUESTS.items():
        key, _ = (named, "") if isinstance(named, str) else named
        value = value.replace("{b}", range_.bucket).replace("{a}", alice.account_id)
        headers = tuple((name, text.replace("{b}", range_.bucket)) for name, text in sample.headers)
        sample = dataclasses.replace(sample, path=sample.path.replace("{b}", range_.bucket), headers=headers)
        if sample.service == "sts":
            # A role of the caller's account: of another's, nobody is told why he may not take it.
            sample = dataclasses.replace(sample, body=sample.body.replace(OTHER.encode(), alice.account_id.encode()))
        denied = {}
        for asked in (value, "another"):
            test = "ForAnyValue:StringEquals" if key.endswith("TagKeys") else "StringEquals"
            range_.may(ALL, ALL | {"Effect": "Deny", "Condition": {test: {key: asked}}})
            answer = range_.line.send(sample, range_.user)
            denied[asked] = b"explicit deny" in answer.body
            if answer.status == 200 and sample.operation == "CreateUser":
                told(iam.delete_user_permissions_boundary, UserName=MADE)
                iam.delete_user(UserName=MADE)
        if denied["another"]:
            wrong[named] = "is denied for another value"
        if not denied[value]:
            unfilled.add(named)
    assert wrong == {}
    assert unfilled == set()


@pytest.fixture(scope="module")
def tagged(server, alice):
    """By the key: its value, and a request about what has it."""
    iam, organizations = server.client(alice, "iam"), server.client(alice, "organizations")
    tags = [{"Key": "kept", "Value": "1"}]
    trust = policy({"Effect": "Allow", "Principal": {"AWS": alice.account_id}, "Action": "sts:AssumeRole"})
    arn = iam.create_policy(PolicyName=MADE, PolicyDocument=samples.HARMLESS, Tags=tags)["Policy"]["Arn"]
    iam.create_user(UserName=f"{MADE}-tagged", Tags=tags, PermissionsBoundary=arn)
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=MADE, Tags=tags)["VirtualMFADevice"]["SerialNumber"]
    provider = iam.create_open_id_connect_provider(Url="https://conditions.example.com/a", Tags=tags)["OpenIDConnectProviderArn"]
    iam.create_instance_profile(InstanceProfileName=MADE, Tags=tags)
    role = iam.create_role(RoleName=f"{MADE}-tagged", AssumeRolePolicyDocument=trust, Tags=tags)["Role"]["Arn"]
    (top,) = organizations.list_roots()["Roots"]
    unit = organizations.create_organizational_unit(ParentId=top["Id"], Name=MADE, Tags=tags)["OrganizationalUnit"]["Id"]
    account = server.create_account("conditions@example.com").account_id
    control = {"Content": policy(samples.NO_TORRENTS), "Description": "", "Type": "SERVICE_CONTROL_POLICY"}
    created = organizations.create_policy(Name=MADE, Tags=tags, **control)
    kind = created["Policy"]["PolicySummary"]["Id"]
    for node in (top["Id"], account):
        organizations.tag_resource(ResourceId=node, Tags=tags)
    path = f"{organizations.describe_organization()['Organization']['Id']}/{top['Id']}/"
    contact = call("account", "GetAlternateContact", AlternateContactType="SECURITY", AccountId=account)
    user = {"UserName": f"{MADE}-tagged"}
    yield {
        ("aws:ResourceTag/kept", "of a device"): ("1", call("iam", "ListMFADeviceTags", SerialNumber=device)),
        ("aws:ResourceTag/kept", "of a provider"): (
            "1",
            call("iam", "GetOpenIDConnectProvider", OpenIDConnectProviderArn=provider),
        ),
        ("aws:ResourceTag/kept", "of an instance profile"): (
            "1",
            call("iam", "GetInstanceProfile", InstanceProfileName=MADE),
        ),
        ("aws:ResourceTag/kept", "of a root"): ("1", call("organizations", "ListChildren", ParentId=top["Id"], ChildType="ACCOUNT")),
        ("aws:ResourceTag/kept", "of an account"): ("1", call("organizations", "DescribeAccount", AccountId=account)),
        ("aws:ResourceTag/kept", "of a policy of the organisation"): ("1", call("organizations", "DescribePolicy", PolicyId=kind)),
        ("organizations:PolicyType", "of what is attached"): (
            "SERVICE_CONTROL_POLICY",
            call("organizations", "AttachPolicy", PolicyId=kind, TargetId="111111111111"),
        ),
        ("account:AccountResourceOrgTags/kept", "of an account"): ("1", contact),
        ("account:AccountResourceOrgPaths", "of an account"): (path, contact),
        ("iam:ResourceTag/kept", "of a role that is taken"): (
            "1",
            call("sts", "AssumeRole", RoleArn=role, RoleSessionName="session"),
        ),
        ("aws:ResourceTag/kept", "of a user"): ("1", call("iam", "GetUser", **user)),
        ("iam:ResourceTag/kept", "of a user"): ("1", call("iam", "GetUser", **user)),
        ("aws:ResourceTag/kept", "of a policy"): ("1", call("iam", "GetPolicy", PolicyArn=arn)),
        ("aws:ResourceTag/kept", "of a role"): ("1", call("iam", "GetRole", RoleName=f"{MADE}-tagged")),
        ("aws:ResourceTag/kept", "of a role that is taken"): (
            "1",
            call("sts", "AssumeRole", RoleArn=role, RoleSessionName="session"),
        ),
        ("aws:ResourceTag/kept", "of a unit"): ("1", call("organizations", "DescribeOrganizationalUnit", OrganizationalUnitId=unit)),
        ("iam:PermissionsBoundary", "of a user"): (arn, call("iam", "DeleteUserPolicy", PolicyName="none", **user)),
        ("organizations:PolicyType", "of a policy"): (
            "SERVICE_CONTROL_POLICY",
            call("organizations", "DescribePolicy", PolicyId="p-FullAWSAccess"),
        ),
    }
    organizations.delete_organizational_unit(OrganizationalUnitId=unit)
    organizations.delete_policy(PolicyId=kind)
    organizations.untag_resource(ResourceId=top["Id"], TagKeys=["kept"])
    iam.delete_virtual_mfa_device(SerialNumber=device)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    iam.delete_instance_profile(InstanceProfileName=MADE)
    iam.delete_user_permissions_boundary(**user)
    iam.delete_user(**user)
    iam.delete_role(RoleName=f"{MADE}-tagged")
    iam.delete_policy(PolicyArn=arn)


def test_what_a_policy_may_ask_of_a_resource_it_can_ask(range_, tagged):
    """A denial for the sake of what something is, or is marked as, denies; for another's sake it does not."""
    wrong, unknown = {}, set()
    for (key, of), (value, sample) in tagged.items():
        for asked in (value, "another"):
            test = "ForAnyValue:StringEquals" if key.endswith("Paths") else "StringEquals"
            range_.may(ALL, ALL | {"Effect": "Deny", "Condition": {test: {key: asked}}})
            denied = b"explicit deny" in range_.line.send(sample, range_.user).body
            if denied and asked == "another":
                wrong[key, of] = "is denied for another value"
            if not denied and asked == value:
                unknown.add((key, of))
    assert wrong == {}
    assert unknown == set()


#: Keys of operations that are built which nothing here has, or that are tried elsewhere.
LEFT_OUT = {
    "ec2:": "tried with VPC endpoints",
    "iam:FIDO-": "MFA devices are virtual",
    "iam:RegisterSecurityKey": "MFA devices are virtual",
    "organizations:Transfer": "nothing is transferred between organisations",
    "s3:AccessGrantsInstanceArn": "there are no access grants",
    "s3:AccessPointTag": "tried with access points",
    "s3:object-lock-remaining-retention-days": "differs from day to day, so it is tried with limits",
    "s3:signatureAge": "differs from request to request",
    "saml:": "there are no providers of SAML",
}


def family(key):
    """A key without what tells one tag from another."""
    return re.split("/", key, maxsplit=1)[0].lower()


def test_no_key_of_an_operation_that_is_built_is_forgotten(tagged):
    built = {f"{service}:{operation}" for service, operations in samples.built().items() for operation in operations}
    asked, last = set(), None
    for line in samples.PERMISSIONS.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5 or ":" not in cells[2]:
            continue
        last = cells[1] if ":" in cells[1] else last
        asked |= set(re.findall(r"`([a-z0-9-]+:[^`]+)`", cells[4])) if last in built else set()
    assert len(asked) > 50
    said = [key if isinstance(key, str) else key[0] for key in SAID_BY_REQUESTS]
    tried = {family(key) for key in (*said, *FORGED, *(key for key, _ in tagged))}
    assert {key for key in asked if family(key) not in tried and not key.startswith(tuple(LEFT_OUT))} == set()
    assert {left for left in LEFT_OUT if not any(key.startswith(left) for key in asked)} == set()
