"""Conditions in a stranger's own policies as questions about what is not his: every answer is the same.

A caller of another account than the resource's may write whatever he likes into his own policies. If a denial by them read
otherwise than one by the resource, each request would tell him a bit about its tags, its owner, or whether it is there.

Source: S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors in Amazon S3".
"""

import base64
import dataclasses
import hashlib
import json
import re
import urllib.parse

import pytest

from harness import failure, refused

ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
#: What differs from one answer to the next: the request's id, and what is sealed for whoever looks after the account.
OWN = re.compile(rb"<(RequestId|HostId)>[^<]*</\1>")


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def deny(key, value, operator="StringEquals"):
    return {**ALL, "Effect": "Deny", "Condition": {operator: {key: value}}}


@pytest.fixture
def secret(s3, server, alice, name):
    """A bucket of alice's with tags that decide and a tagged object, whose policy knows nothing of bob's account."""
    s3.create_bucket(Bucket=name)
    control = server.client(alice, "s3control", host="s3.localhost")
    arn = f"arn:aws:s3:::{name}"
    control.tag_resource(AccountId=alice.account_id, ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}])
    s3.put_bucket_abac(Bucket=name, AbacStatus={"Status": "Enabled"})
    s3.put_object(Bucket=name, Key="k", Body=b"secret", Tagging="kind=payroll")
    return name


@pytest.fixture
def user(server, bob, name):
    """A user of bob's account, whose own policy is set before each question."""
    iam = server.client(bob, "iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    signer = dataclasses.replace(bob, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])

    def with_policy(*statements):
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return signer

    return with_policy


def questions(alice, bob):
    """Statements that deny if what they ask of the resource is so; one of each pair is right."""
    asked = [
        ("s3:ExistingObjectTag/kind", "payroll", "holidays"),
        ("aws:ResourceTag/team", "red", "blue"),
        ("s3:BucketTag/team", "red", "blue"),
        ("aws:ResourceAccount", alice.account_id, bob.account_id),
        ("s3:ResourceAccount", alice.account_id, bob.account_id),
    ]
    yield from (deny(key, value) for key, *values in asked for value in values)
    for absent in ("true", "false"):
        yield deny("s3:ExistingObjectTag/kind", absent, "Null")


DELETE = b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>k</Key></Object></Delete>'
CALLS = [
    ("GET", "/{}/k", b""),
    ("HEAD", "/{}/k", b""),
    ("PUT", "/{}/k", b"mine"),
    ("DELETE", "/{}/k", b""),
    ("GET", "/{}/k?tagging", b""),
    ("GET", "/{}/nothing-there", b""),
    ("GET", "/{}?list-type=2", b""),
    ("POST", "/{}?delete", DELETE),
]


def said(server, signer, bucket, call, token=None):
    """Status, headers and body, less what differs from one answer to the next; of what is sealed only how long it is."""
    method, target, body = call
    path, _, query = target.format(bucket).partition("?")
    query = urllib.parse.parse_qsl(query, keep_blank_values=True)
    sent = {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()}
    sent |= {"x-amz-security-token": token} if token else {}
    answer = server.signed(signer, method, path, query, sent, body)
    own = {"x-amz-request-id", "x-amz-id-2", "date", "x-strongroom-authorization-message"}
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in own}
    sealed = answer.headers.get("x-strongroom-authorization-message", "")
    return answer.status, sorted(headers.items()), OWN.sub(b"", answer.body), len(sealed)


def all_said(server, signer, bucket, token=None):
    return [said(server, signer, bucket, call, token) for call in CALLS]


def test_a_users_own_policy_learns_nothing_of_a_bucket_that_does_not_let_him_in(server, alice, bob, secret, user):
    before = all_said(server, user(ALL), secret)
    assert {status for status, *_ in before} == {200, 403}, "DeleteObjects denies key by key"
    assert b"no resource-based policy allows the s3:GetObject action" in before[0][2]
    for question in questions(alice, bob):
        assert all_said(server, user(ALL, question), secret) == before, question
    nothing = {**ALL, "Action": "sts:GetFederationToken"}
    assert all_said(server, user(nothing), secret) == before


def test_a_session_policy_learns_nothing_either(server, alice, bob, secret, user):
    sts = server.client(user(ALL), "sts")

    def in_session(*statements):
        answer = sts.get_federation_token(Name="asker", Policy=policy(*statements))["Credentials"]
        signer = dataclasses.replace(bob, access_key=answer["AccessKeyId"], secret_key=answer["SecretAccessKey"])
        return all_said(server, signer, secret, answer["SessionToken"])

    before = in_session(ALL)
    assert b"no resource-based policy allows the s3:GetObject action" in before[0][2]
    for question in questions(alice, bob):
        assert in_session(ALL, question) == before, question


def test_an_access_point_of_the_strangers_own_learns_nothing_either(server, alice, bob, secret, user, name):
    control = server.client(bob, "s3control", host="s3.localhost")
    control.create_access_point(
        AccountId=bob.account_id, Name="asker", Bucket=secret, BucketAccountId=alice.account_id
    )
    arn = f"arn:aws:s3:us-east-1:{bob.account_id}:accesspoint/asker"
    both = {"Principal": {"AWS": bob.account_id}, "Action": "s3:*", "Resource": [arn, f"{arn}/object/*"]}

    def with_point(*statements):
        shaped = [{**statement, **both} for statement in statements]
        control.put_access_point_policy(AccountId=bob.account_id, Name="asker", Policy=policy(*shaped))

    with_point(ALL)
    signer = user(ALL)
    before = all_said(server, signer, arn)
    assert b"no resource-based policy allows the s3:GetObject action" in before[0][2]
    for question in questions(alice, bob):
        with_point(ALL, question)
        assert all_said(server, signer, arn) == before, question
    with_point({**ALL, "Effect": "Deny"})
    assert all_said(server, signer, arn) == before
    with_point(ALL)
    for question in questions(alice, bob):
        assert all_said(server, user(ALL, question), arn) == before, question
    control.delete_access_point(AccountId=bob.account_id, Name="asker")


def test_a_denial_by_the_bucket_reads_like_none_and_is_recorded_as_what_it_is(server, s3, bob, secret, user):
    signer = user(ALL)
    before = all_said(server, signer, secret)
    statement = {"Sid": "NotBob", "Effect": "Deny", "Principal": {"AWS": bob.account_id}, "Action": "s3:*"}
    where = [f"arn:aws:s3:::{secret}", f"arn:aws:s3:::{secret}/*"]
    s3.put_bucket_policy(Bucket=secret, Policy=policy({**statement, "Resource": where}))
    assert all_said(server, signer, secret) == before
    denied = server.signed(signer, "GET", f"/{secret}/k")
    server.events_of(denied.headers["x-amz-request-id"])
    shown = server.run("explain", denied.headers["x-amz-request-id"], "--output", "json", account=server.root)
    answer = json.loads(shown.stdout)
    assert answer["request"]["decision"] == "EXPLICITLY_DENIED"
    assert "NotBob" in answer["request"]["reason"] and "NotBob" in json.dumps(answer["explanation"])


def test_whom_the_bucket_lets_in_and_who_is_of_its_account_is_told_why(server, s3, alice, bob, secret, user):
    grant = {"Effect": "Allow", "Principal": {"AWS": bob.account_id}, "Action": "s3:GetObject"}
    s3.put_bucket_policy(Bucket=secret, Policy=policy({**grant, "Resource": f"arn:aws:s3:::{secret}/*"}))
    client = server.client(user(ALL))
    assert client.get_object(Bucket=secret, Key="k")["Body"].read() == b"secret"
    user(ALL, deny("s3:ExistingObjectTag/kind", "payroll"))
    told = failure(client.get_object, Bucket=secret, Key="k")["Error"]["Message"]
    assert told.endswith("with an explicit deny in an identity-based policy")
    everybody = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}
    s3.put_bucket_policy(Bucket=secret, Policy=policy({**everybody, "Resource": f"arn:aws:s3:::{secret}/*"}))
    told = failure(s3.get_object, Bucket=secret, Key="k")["Error"]["Message"]
    assert told.endswith("with an explicit deny in a resource-based policy")


def test_a_copy_on_a_condition_asks_who_may_list_its_destination_too(server, s3, alice, name):
    source, target = f"{name}-source", f"{name}-target"
    for bucket in (source, target):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    iam = server.client(alice, "iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    signer = dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    objects = {**ALL, "Action": ["s3:GetObject", "s3:PutObject"]}

    def copy(to, *lists):
        listing = {**ALL, "Action": "s3:ListBucket", "Resource": [f"arn:aws:s3:::{bucket}" for bucket in lists]}
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(objects, listing))
        headers = {"x-amz-copy-source": f"/{source}/k", "if-match": '"0"'}
        return server.signed(signer, "PUT", f"/{target}/{to}", headers=headers).status

    assert copy("k", source, target) == 412
    assert copy("nothing", source, target) == 404
    assert copy("nothing", source) == 403
    assert copy("nothing", target) == 403


def test_that_requesters_pay_is_told_only_to_who_may_delete(s3, s3_bob, bob, secret):
    s3.put_bucket_request_payment(Bucket=secret, RequestPaymentConfiguration={"Payer": "Requester"})
    keys = {"Objects": [{"Key": "k"}]}
    (error,) = s3_bob.delete_objects(Bucket=secret, Delete=keys)["Errors"]
    assert "no resource-based policy allows the s3:DeleteObject action" in error["Message"]
    grant = {"Effect": "Allow", "Principal": {"AWS": bob.account_id}, "Action": "s3:DeleteObject"}
    s3.put_bucket_policy(Bucket=secret, Policy=policy({**grant, "Resource": f"arn:aws:s3:::{secret}/k"}))
    assert "requesters pay" in failure(s3_bob.delete_objects, Bucket=secret, Delete=keys)["Error"]["Message"]


def test_tags_that_decide_do_not_differ_by_case_alone(server, s3, alice, secret, name):
    control = server.client(alice, "s3control", host="s3.localhost")
    twice = [{"Key": "TEAM", "Value": "blue"}]
    invalid = ("InvalidTag", 400)
    arn = f"arn:aws:s3:::{secret}"
    assert refused(control.tag_resource, AccountId=alice.account_id, ResourceArn=arn, Tags=twice) == invalid
    s3.put_bucket_abac(Bucket=secret, AbacStatus={"Status": "Disabled"})
    control.tag_resource(AccountId=alice.account_id, ResourceArn=arn, Tags=twice)
    assert refused(s3.put_bucket_abac, Bucket=secret, AbacStatus={"Status": "Enabled"}) == invalid
    made = {"AccountId": alice.account_id, "Name": f"p-{name}", "Bucket": secret}
    tags = [{"Key": "team", "Value": "red"}]
    assert refused(control.create_access_point, **made, Tags=tags + twice) == invalid
    point = control.create_access_point(**made, Tags=tags)["AccessPointArn"]
    assert refused(control.tag_resource, AccountId=alice.account_id, ResourceArn=point, Tags=twice) == invalid
    control.delete_access_point(AccountId=alice.account_id, Name=made["Name"])
