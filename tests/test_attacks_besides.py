"""What a header asks for beside its operation needs leave of its own, however it is written.

MinIO CVE-2023-25812: a denial of bypassing governance was not looked at on DELETE; VersityGW compared that header in one case
only; peers obeyed headers that had come along unsigned or in the query (Ceph CVE-2026-54330, RustFS g8w9), and copies took
tags and sources without asking (RustFS mx42, wfxj). Here somebody may do everything but the one action that a header, a
parameter or a member asks for beside: with it the request is refused, without it the same request is let in.
"""

import base64
import dataclasses
import hashlib

import pytest

import intruders
import samples
from harness import path_and_query, presign
from intruders import code_of
from samples import ALL, Sample, policy

BUCKET = "besides-of-attacks"
UNTIL = "2040-01-01T00:00:00Z"
BYPASS = {"x-amz-bypass-governance-retention": "true"}
COPY = {"x-amz-copy-source": f"{BUCKET}/k"}
TO_DELETE = b"<Delete><Object><Key>gone</Key></Object></Delete>"
RETENTION = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{UNTIL}</RetainUntilDate></Retention>".encode()


def digest(body):
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


def s3(operation, method, path, headers=(), query=(), body=b""):
    return Sample("s3", operation, method, path, tuple(query), tuple(dict(headers).items()), body)


PUT = s3("PutObject", "PUT", f"/{BUCKET}/made", body=b"x")
COPIED = s3("CopyObject", "PUT", f"/{BUCKET}/made", COPY)
BEGUN = s3("CreateMultipartUpload", "POST", f"/{BUCKET}/made", query=[("uploads", None)])
MADE = s3("CreateBucket", "PUT", f"/{BUCKET}-made")
DELETED = s3("DeleteObject", "DELETE", f"/{BUCKET}/gone")
DELETED_MANY = s3("DeleteObjects", "POST", f"/{BUCKET}", digest(TO_DELETE), [("delete", None)], TO_DELETE)
RETAINED = s3("PutObjectRetention", "PUT", f"/{BUCKET}/k", digest(RETENTION), [("retention", None)], RETENTION)

WRITES = {"PutObject": PUT, "CopyObject": COPIED, "CreateMultipartUpload": BEGUN}

#: What is asked for beside, by which header, and the action that it needs.
OBJECT = {
    "s3:PutObjectTagging": [{"x-amz-tagging": "a=1"}],
    "s3:PutObjectAcl": [
        {"x-amz-acl": "bucket-owner-full-control"},
        {"x-amz-acl": "public-read"},
        *({f"x-amz-grant-{kind}": f'id="{"0" * 64}"'} for kind in ("full-control", "read", "read-acp", "write-acp")),
    ],
    "s3:PutObjectRetention": [
        {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": UNTIL},
        {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": UNTIL},
    ],
    "s3:PutObjectLegalHold": [{"x-amz-object-lock-legal-hold": "ON"}],
}
NEW_BUCKET = {
    "s3:PutBucketAcl": [{"x-amz-acl": "private"}, {"x-amz-acl": "public-read-write"}, {"x-amz-grant-write": f'id="{"0" * 64}"'}],
    "s3:PutBucketObjectLockConfiguration": [{"x-amz-bucket-object-lock-enabled": "true"}],
    "s3:PutBucketVersioning": [{"x-amz-bucket-object-lock-enabled": "true"}],
    "s3:PutBucketOwnershipControls": [{"x-amz-object-ownership": "ObjectWriter"}],
}
ASKED = [
    *((sample, action, asked) for sample in WRITES.values() for action, each in OBJECT.items() for asked in each),
    *((MADE, action, asked) for action, each in NEW_BUCKET.items() for asked in each),
    *((sample, "s3:BypassGovernanceRetention", BYPASS) for sample in (DELETED, DELETED_MANY, RETAINED)),
    (PUT, "s3:GetObject", {"If-Match": '"x"'}),
    (COPIED, "s3:GetObject", {"If-Match": '"x"'}),
    (DELETED, "s3:GetObject", {"If-Match": '"x"'}),
    (COPIED, "s3:GetObjectTagging", {}),
    (COPIED, "s3:GetObject", {}),
]

#: Ways to write a header's name, which has no case.
CASES = (str.lower, str.upper, str.title, lambda name: name.title().replace("X-Amz", "x-aMZ"))


@dataclasses.dataclass
class Range:
    line: intruders.Line
    root: intruders.Caller
    user: intruders.Caller

    def may_not(self, *actions):
        denial = [ALL | {"Effect": "Deny", "Action": list(actions)}] if actions else []
        arguments = {"UserName": "besides", "PolicyName": "rights", "PolicyDocument": policy(ALL, *denial)}
        assert self.line.send(samples.request("iam", "PutUserPolicy", arguments), self.root).status == 200


@pytest.fixture(scope="module")
def range_(server, alice, s3):
    iam = server.client(alice, "iam")
    s3.create_bucket(Bucket=BUCKET)
    for key in ("k", "gone"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"precious", Tagging="kept=1")
    user = intruders.user(iam, alice, "besides")
    line = intruders.Line(server)
    yield Range(line, intruders.Caller(alice), user)
    line.close()
    for key in iam.list_access_keys(UserName="besides")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="besides", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="besides", PolicyName="rights")
    iam.delete_user(UserName="besides")


def refused(answer, sample):
    if sample.operation == "DeleteObjects":
        return b"<Code>AccessDenied</Code>" in answer.body and b"<Deleted>" not in answer.body
    return (answer.status, code_of(answer)) == (403, "AccessDenied")


@pytest.mark.parametrize(("sample", "action", "asked"), ASKED, ids=lambda each: str(getattr(each, "operation", each)))
def test_what_is_asked_for_beside_needs_its_own_leave(range_, s3, sample, action, asked):
    range_.may_not(action)
    let_in = {}
    for case in CASES:
        answer = range_.line.send(sample, range_.user, headers={case(name): value for name, value in asked.items()})
        if not refused(answer, sample):
            let_in[case("x-amz-name")] = answer.status, answer.body
    assert let_in == {}
    assert s3.get_object(Bucket=BUCKET, Key="gone")["Body"].read() == b"precious"
    assert "made" not in [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert f"{BUCKET}-made" not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("sample", [PUT, COPIED, BEGUN, DELETED, DELETED_MANY], ids=lambda each: each.operation)
def test_the_same_without_it_is_let_in(range_, s3, sample):
    """The twin: whoever lacks all of these actions may still do what asks for none of them."""
    lacking = [action for other, action, asked in ASKED if other.operation == sample.operation and asked]
    range_.may_not(*(set(lacking) - {"s3:GetObject", "s3:PutObjectTagging"} if sample is COPIED else lacking))
    answer = range_.line.send(sample, range_.user)
    assert answer.status in (200, 204) and not refused(answer, sample), answer.body
    s3.put_object(Bucket=BUCKET, Key="gone", Body=b"precious", Tagging="kept=1")
    s3.delete_object(Bucket=BUCKET, Key="made")


@pytest.mark.parametrize("sample", [DELETED, DELETED_MANY, RETAINED], ids=lambda each: each.operation)
def test_a_bypass_is_asked_for_or_it_is_none(range_, s3, sample):
    """Any spelling of its value is taken for true, and needs leave, or is refused; nothing deletes what it should not."""
    range_.may_not("s3:BypassGovernanceRetention")
    for value in ("true", "TRUE", "True", " true", "true ", "\ttrue", "1", "yes", "on", "true,false", "false,true", "t"):
        answer = range_.line.send(sample, range_.user, headers={"x-amz-bypass-governance-retention": value})
        assert refused(answer, sample) or answer.status == 400, (value, answer.status, answer.body)
    assert s3.get_object(Bucket=BUCKET, Key="gone")["Body"].read() == b"precious"


@pytest.mark.parametrize("action", OBJECT)
def test_what_is_asked_for_in_the_query_is_not_done_without_leave(range_, server, s3, action):
    """SDKs put headers into the query of a URL. Whether or not that is obeyed, it gives nobody what he may not give."""
    range_.may_not(action)
    for at, asked in enumerate(OBJECT[action]):
        for case in (str.lower, str.title):
            pairs = [(case(name), value) for name, value in asked.items()]
            path = f"/{BUCKET}/query-{action[3:]}-{at}-{case('a')}"
            url = presign(range_.user.key, "PUT", path, pairs, {"host": server.authority()}, region="us-east-1")
            answer = server.http("PUT", path_and_query(path, url), (), b"x")
            assert answer.status in (200, 400, 403), answer.body
            if answer.status == 200:
                got = s3.get_object(Bucket=BUCKET, Key=path.split("/")[-1])
                assert not {"TagCount", "ObjectLockMode", "ObjectLockLegalHoldStatus"} & set(got), "it was obeyed"


TAGS = {"Tags": [{"Key": "a", "Value": "1"}]}

#: In IAM and Organizations tags at creation need the action that tags; a role in a profile needs PassRole.
MEMBERS = [
    ("iam", "CreateUser", {"UserName": "besides-made"}, "iam:TagUser"),
    ("iam", "CreateRole", {"RoleName": "besides-made", "AssumeRolePolicyDocument": "{}"}, "iam:TagRole"),
    ("iam", "CreatePolicy", {"PolicyName": "besides-made", "PolicyDocument": policy(ALL)}, "iam:TagPolicy"),
    ("iam", "CreateInstanceProfile", {"InstanceProfileName": "besides-made"}, "iam:TagInstanceProfile"),
    ("iam", "CreateVirtualMFADevice", {"VirtualMFADeviceName": "besides-made"}, "iam:TagMFADevice"),
    ("iam", "CreateOpenIDConnectProvider", {"Url": "https://besides.example.com"}, "iam:TagOpenIDConnectProvider"),
    ("organizations", "CreateAccount", {"Email": "besides@example.com", "AccountName": "b"}, "organizations:TagResource"),
    ("organizations", "CreatePolicy", {"Content": "{}", "Description": "", "Name": "b", "Type": "S3_POLICY"}, "organizations:TagResource"),
    ("organizations", "CreateOrganizationalUnit", {"ParentId": "r-none", "Name": "b"}, "organizations:TagResource"),
]


@pytest.mark.parametrize(("service", "operation", "arguments", "action"), MEMBERS, ids=lambda each: str(each) if isinstance(each, str) else "")
def test_tags_at_creation_need_the_action_that_tags(range_, service, operation, arguments, action):
    range_.may_not(action)
    answer = range_.line.send(samples.request(service, operation, arguments | TAGS), range_.user)
    assert code_of(answer) in ("AccessDenied", "AccessDeniedException") and action.encode() in answer.body, answer.body


def test_a_role_is_put_into_a_profile_by_whoever_may_pass_it(range_, server, alice):
    iam = server.client(alice, "iam")
    trust = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    iam.create_role(RoleName="besides-passed", AssumeRolePolicyDocument=trust)
    iam.create_instance_profile(InstanceProfileName="besides-passed")
    arguments = {"InstanceProfileName": "besides-passed", "RoleName": "besides-passed"}
    range_.may_not("iam:PassRole")
    answer = range_.line.send(samples.request("iam", "AddRoleToInstanceProfile", arguments), range_.user)
    assert code_of(answer) == "AccessDenied" and b"iam:PassRole" in answer.body
    range_.may_not()
    assert range_.line.send(samples.request("iam", "AddRoleToInstanceProfile", arguments), range_.user).status == 200
    iam.remove_role_from_instance_profile(**arguments)
    iam.delete_instance_profile(InstanceProfileName="besides-passed")
    iam.delete_role(RoleName="besides-passed")
