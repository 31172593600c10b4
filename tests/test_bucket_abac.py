"""Tags of a bucket as conditions on who may reach it and what lies in it (ABAC): off until it is enabled."""

import json

import pytest

from harness import Account, refused

DENIED = ("AccessDenied", 403)


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, condition=None, **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"} | more
    return statement | ({"Condition": condition} if condition else {})


def tagged(key, value, operator="StringEquals"):
    return {operator: {key: value}}


@pytest.fixture(scope="module")
def control(server, alice):
    """TagResource and UntagResource of a bucket, by somebody of alice's account."""

    class Control:
        def __init__(self, account=alice):
            self.client = server.client(account, "s3control", host="s3.localhost")

        def where(self, bucket):
            return {"AccountId": alice.account_id, "ResourceArn": f"arn:aws:s3:::{bucket}"}

        def tag(self, bucket, **tags):
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.client.tag_resource(**self.where(bucket), Tags=pairs)

        def untag(self, bucket, *keys):
            self.client.untag_resource(**self.where(bucket), TagKeys=list(keys))

    return Control


@pytest.fixture
def user(server, alice, name):
    """Makes users of alice's account with a policy and tags."""
    iam, count = server.client(alice, "iam"), iter(range(100))

    def make(*statements, **tags):
        user_name = f"{name}-{next(count)}"
        iam.create_user(UserName=user_name, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        iam.put_user_policy(UserName=user_name, PolicyName="p", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=user_name)["AccessKey"]
        return Account(alice.account_id, alice.canonical_user_id, key["AccessKeyId"], key["SecretAccessKey"])

    return make


@pytest.fixture
def red(s3, control, name):
    """A bucket with the tag team=red and an object; tags do not decide yet."""
    s3.create_bucket(Bucket=name)
    control().tag(name, team="red")
    s3.put_object(Bucket=name, Key="k", Body=b"value")
    return name


def set_abac(s3, bucket, enabled=True):
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled" if enabled else "Disabled"})


@pytest.mark.parametrize("key", ["aws:ResourceTag/team", "s3:BucketTag/team"])
def test_tags_decide_while_abac_is_enabled(server, s3, control, user, red, key):
    member = server.client(user(allow(["s3:GetObject", "s3:PutObject", "s3:ListBucket"], tagged(key, "red"))))

    def reaches():
        outcomes = set()
        for call, more in (("get_object", {"Key": "k"}), ("put_object", {"Key": "k"}), ("list_objects_v2", {})):
            try:
                getattr(member, call)(Bucket=red, **more)
                outcomes.add(True)
            except member.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDenied"
                outcomes.add(False)
        [outcome] = outcomes
        return outcome

    assert s3.get_bucket_abac(Bucket=red)["AbacStatus"]["Status"] == "Disabled"
    assert not reaches()
    set_abac(s3, red)
    assert s3.get_bucket_abac(Bucket=red)["AbacStatus"]["Status"] == "Enabled"
    assert reaches()
    control().tag(red, team="blue")
    assert not reaches()
    control().tag(red, team="red")
    assert reaches()
    control().untag(red, "team")
    assert not reaches()
    control().tag(red, team="red")
    set_abac(s3, red, enabled=False)
    assert not reaches()


def test_one_policy_fits_every_team(server, s3, control, user, red, name):
    """The principal's tag against the bucket's."""
    blue = f"{name}-blue"
    s3.create_bucket(Bucket=blue)
    control().tag(blue, team="blue")
    s3.put_object(Bucket=blue, Key="k", Body=b"value")
    for bucket in (red, blue):
        set_abac(s3, bucket)
    same_team = allow("s3:GetObject", tagged("aws:ResourceTag/team", "${aws:PrincipalTag/team}"))
    red_member = server.client(user(same_team, team="red"))
    blue_member = server.client(user(same_team, team="blue"))
    nobodys = server.client(user(same_team))
    red_member.get_object(Bucket=red, Key="k")
    blue_member.get_object(Bucket=blue, Key="k")
    assert refused(red_member.get_object, Bucket=blue, Key="k") == DENIED
    assert refused(blue_member.get_object, Bucket=red, Key="k") == DENIED
    for bucket in (red, blue):
        assert refused(nobodys.get_object, Bucket=bucket, Key="k") == DENIED


def test_a_copy_needs_the_tags_of_each_of_its_buckets(server, s3, control, user, red, name):
    target = f"{name}-target"
    s3.create_bucket(Bucket=target)
    control().tag(target, team="blue")
    for bucket in (red, target):
        set_abac(s3, bucket)
    copier = server.client(
        user(
            allow("s3:GetObject", tagged("aws:ResourceTag/team", "red")),
            allow("s3:PutObject", tagged("aws:ResourceTag/team", "blue")),
        )
    )
    copier.copy_object(Bucket=target, Key="copied", CopySource={"Bucket": red, "Key": "k"})
    back = {"Bucket": red, "Key": "copied", "CopySource": {"Bucket": target, "Key": "copied"}}
    assert refused(copier.copy_object, **back) == DENIED
    delete = {"Objects": [{"Key": "copied"}]}
    janitor = server.client(user(allow("s3:DeleteObject", tagged("s3:BucketTag/team", "blue"))))
    assert janitor.delete_objects(Bucket=target, Delete=delete)["Deleted"] == [{"Key": "copied"}]
    errors = janitor.delete_objects(Bucket=red, Delete={"Objects": [{"Key": "k"}]})["Errors"]
    assert [(error["Key"], error["Code"]) for error in errors] == [("k", "AccessDenied")]


def test_a_bucket_policy_denies_by_the_buckets_tag(s3, control, red):
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{red}/*",
        "Condition": tagged("s3:BucketTag/state", "frozen"),
    }
    s3.put_bucket_policy(Bucket=red, Policy=document(deny))
    control().tag(red, state="frozen")
    s3.get_object(Bucket=red, Key="k")
    set_abac(s3, red)
    assert refused(s3.get_object, Bucket=red, Key="k") == DENIED
    control().untag(red, "state")
    s3.get_object(Bucket=red, Key="k")


def test_tags_that_decide_change_by_s3_control_alone(s3, control, red):
    set_abac(s3, red)
    tags = {"TagSet": [{"Key": "team", "Value": "mine"}]}
    assert refused(s3.put_bucket_tagging, Bucket=red, Tagging=tags) == ("InvalidRequest", 400)
    assert refused(s3.delete_bucket_tagging, Bucket=red) == ("InvalidRequest", 400)
    assert s3.get_bucket_tagging(Bucket=red)["TagSet"] == [{"Key": "team", "Value": "red"}]
    listed = control().client.list_tags_for_resource(**control().where(red))
    assert listed["Tags"] == [{"Key": "team", "Value": "red"}]
    set_abac(s3, red, enabled=False)
    s3.put_bucket_tagging(Bucket=red, Tagging=tags)
    s3.delete_bucket_tagging(Bucket=red)


def test_who_may_tag_can_be_kept_to_some_tags(server, s3, control, user, red):
    set_abac(s3, red)
    cost_only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["cost"]}, "StringEquals": {"aws:ResourceTag/team": "red"}}
    tagger = control(user(allow(["s3:TagResource", "s3:UntagResource"], cost_only)))
    tagger.tag(red, cost="17")
    assert refused(tagger.tag, red, team="blue") == DENIED
    assert refused(tagger.tag, red, cost="18", team="blue") == DENIED
    assert refused(tagger.untag, red, "team") == DENIED
    tagger.untag(red, "cost")
    control().tag(red, team="blue")
    assert refused(tagger.tag, red, cost="17") == DENIED


def test_the_old_right_to_tag_is_none_to_change_tags_that_decide(server, s3, control, user, red):
    set_abac(s3, red)
    old = user(allow(["s3:PutBucketTagging", "s3:GetBucketTagging"]))
    assert refused(control(old).tag, red, team="blue") == DENIED
    tags = {"TagSet": [{"Key": "team", "Value": "blue"}]}
    assert refused(server.client(old).put_bucket_tagging, Bucket=red, Tagging=tags) == ("InvalidRequest", 400)
    assert server.client(old).get_bucket_tagging(Bucket=red)["TagSet"] == [{"Key": "team", "Value": "red"}]


def test_a_bucket_made_with_tags_needs_leave_to_tag(server, user, name):
    tags = {"CreateBucketConfiguration": {"Tags": [{"Key": "team", "Value": "red"}]}}
    maker = server.client(user(allow("s3:CreateBucket")))
    assert refused(maker.create_bucket, Bucket=f"{name}-1", **tags) == DENIED
    maker.create_bucket(Bucket=f"{name}-1")
    red_only = allow("s3:TagResource", tagged("aws:RequestTag/team", "red"))
    tagger = server.client(user(allow("s3:CreateBucket"), red_only))
    tagger.create_bucket(Bucket=f"{name}-2", **tags)
    other = {"CreateBucketConfiguration": {"Tags": [{"Key": "team", "Value": "blue"}]}}
    assert refused(tagger.create_bucket, Bucket=f"{name}-3", **other) == DENIED


def test_every_bucket_can_be_made_to_have_a_tag(server, user, name):
    required = allow("s3:CreateBucket", tagged("aws:RequestTag/team", "red"))
    maker = server.client(user(required, allow("s3:TagResource")))
    assert refused(maker.create_bucket, Bucket=name) == DENIED
    tags = {"CreateBucketConfiguration": {"Tags": [{"Key": "team", "Value": "red"}]}}
    maker.create_bucket(Bucket=name, **tags)


def test_enabling_needs_its_own_action(server, s3, s3_bob, user, red):
    reader = server.client(user(allow(["s3:GetBucketAbac", "s3:PutBucketTagging", "s3:TagResource"])))
    assert reader.get_bucket_abac(Bucket=red)["AbacStatus"]["Status"] == "Disabled"
    assert refused(set_abac, reader, red) == DENIED
    assert refused(set_abac, s3_bob, red) == DENIED
    assert refused(s3_bob.get_bucket_abac, Bucket=red) == DENIED
    set_abac(server.client(user(allow("s3:PutBucketAbac"))), red)
    assert s3.get_bucket_abac(Bucket=red)["AbacStatus"]["Status"] == "Enabled"


def test_a_tags_value_reaches_across_accounts(s3, s3_bob, bob, control, red):
    grant = {
        "Effect": "Allow",
        "Principal": {"AWS": bob.account_id},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{red}/*",
        "Condition": tagged("aws:ResourceTag/shared", "yes"),
    }
    s3.put_bucket_policy(Bucket=red, Policy=document(grant))
    set_abac(s3, red)
    assert refused(s3_bob.get_object, Bucket=red, Key="k") == DENIED
    control().tag(red, shared="yes")
    assert s3_bob.get_object(Bucket=red, Key="k")["Body"].read() == b"value"


def test_tags_of_objects_are_no_tags_of_the_bucket(server, s3, user, red):
    set_abac(s3, red)
    member = server.client(user(allow("s3:GetObject", tagged("aws:ResourceTag/class", "open"))))
    s3.put_object(Bucket=red, Key="k", Body=b"value", Tagging="class=open")
    assert refused(member.get_object, Bucket=red, Key="k") == DENIED
