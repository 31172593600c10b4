"""STS by boto3: roles, sessions, what narrows them and what ends them.

Source: STS API Reference; IAM User Guide, "Temporary security credentials in IAM".
"""

import dataclasses
import json

import boto3
import botocore.config
import pytest

from harness import refused

ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TAKE = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="session")
def iam(server, alice):
    return server.client(alice, "iam")


@pytest.fixture
def user(server, alice, iam, name):
    """A user with all rights, as an account to sign with."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy(ALL))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    yield dataclasses.replace(alice, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="all")
    iam.delete_user(UserName=name)


@pytest.fixture
def make_role(alice, iam, name):
    """Makes roles that may do everything, taken by whom the statement trusts; those that are left are removed."""
    made = []

    def make(suffix="", **trust):
        statement = {"Effect": "Allow", "Principal": {"AWS": alice.account_id}, "Action": TAKE, **trust}
        role = iam.create_role(RoleName=f"{name}-r{suffix}", AssumeRolePolicyDocument=policy(statement))["Role"]
        iam.put_role_policy(RoleName=role["RoleName"], PolicyName="all", PolicyDocument=policy(ALL))
        made.append(role["RoleName"])
        return role

    yield make
    for role in made:
        try:
            iam.delete_role_policy(RoleName=role, PolicyName="all")
            iam.delete_role(RoleName=role)
        except iam.exceptions.NoSuchEntityException:
            pass


@pytest.fixture
def client(server):
    """A client of temporary credentials."""

    def make(credentials, service="s3"):
        session = boto3.session.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=server.region,
        )
        config = botocore.config.Config(
            retries={"total_max_attempts": 1},
            signature_version="s3v4" if service == "s3" else "v4",
            s3={"addressing_style": "path"},
        )
        endpoint = server.endpoint(plaintext=False, host="localhost")
        return session.client(service, endpoint_url=endpoint, verify=server.ca, config=config)

    return make


def take(sts, role, **more):
    return sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session", **more)["Credentials"]


def test_a_user_takes_a_role_and_is_known_by_it(server, alice, user, make_role, client):
    role = make_role()
    answer = server.client(user, "sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    arn = f"arn:aws:sts::{alice.account_id}:assumed-role/{role['RoleName']}/session"
    assert answer["AssumedRoleUser"] == {"Arn": arn, "AssumedRoleId": f"{role['RoleId']}:session"}
    shown = client(credentials, "sts").get_caller_identity()
    assert (shown["Arn"], shown["UserId"]) == (arn, f"{role['RoleId']}:session")
    found = server.client(user, "sts").get_access_key_info(AccessKeyId=credentials["AccessKeyId"])
    assert found["Account"] == alice.account_id


def test_a_token_is_good_for_its_key_alone_and_only_unchanged(server, user, make_role, client, bucket):
    sts, role = server.client(user, "sts"), make_role()
    one, two = take(sts, role), take(sts, role)
    client(one).head_bucket(Bucket=bucket)
    mixed = {**one, "SessionToken": two["SessionToken"]}
    assert refused(client(mixed).list_buckets) == ("InvalidToken", 400)
    assert refused(client(mixed, "sts").get_caller_identity) == ("InvalidClientTokenId", 403)
    changed = {**one, "SessionToken": one["SessionToken"][:-8] + "AAAAAAAA"}
    assert refused(client(changed).list_buckets) == ("InvalidToken", 400)


def test_a_session_policy_narrows(server, user, make_role, client, bucket):
    read = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    narrow = client(take(server.client(user, "sts"), make_role(), Policy=read))
    wide = client(take(server.client(user, "sts"), make_role("2")))
    wide.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert narrow.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(narrow.put_object, Bucket=bucket, Key="k", Body=b"") == ("AccessDenied", 403)


def test_a_session_dies_with_its_role(server, user, iam, make_role, client, bucket):
    role = make_role()
    credentials = take(server.client(user, "sts"), role)
    client(credentials).head_bucket(Bucket=bucket)
    iam.delete_role_policy(RoleName=role["RoleName"], PolicyName="all")
    iam.delete_role(RoleName=role["RoleName"])
    assert refused(client(credentials).list_buckets) == ("InvalidToken", 400)
    make_role()
    assert refused(client(credentials).list_buckets) == ("InvalidToken", 400)


def test_the_external_id_must_be_the_one_that_is_trusted(server, user, make_role):
    sts = server.client(user, "sts")
    role = make_role(Condition={"StringEquals": {"sts:ExternalId": "right"}})
    arguments = {"RoleArn": role["Arn"], "RoleSessionName": "session"}
    assert refused(sts.assume_role, **arguments) == ("AccessDenied", 403)
    assert refused(sts.assume_role, **arguments, ExternalId="wrong") == ("AccessDenied", 403)
    take(sts, role, ExternalId="right")


def test_a_chain_lasts_an_hour_at_most_and_keeps_tags_and_source(server, user, make_role, client):
    first, second = make_role("1"), make_role("2")
    tags = [{"Key": "team", "Value": "x"}]
    credentials = take(
        server.client(user, "sts"), first, Tags=tags, TransitiveTagKeys=["team"], SourceIdentity="ann"
    )
    sts = client(credentials, "sts")
    arguments = {"RoleArn": second["Arn"], "RoleSessionName": "session"}
    assert refused(sts.assume_role, **arguments, DurationSeconds=3601) == ("ValidationError", 400)
    assert refused(sts.assume_role, **arguments, Tags=tags) == ("InvalidParameterValue", 400)
    assert refused(sts.assume_role, **arguments, SourceIdentity="bob") == ("AccessDenied", 403)
    assert sts.assume_role(**arguments)["SourceIdentity"] == "ann"


def test_session_tags_are_principal_tags_in_a_bucket_policy(server, user, make_role, client, s3, bucket):
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=policy(
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{bucket}/*",
                "Condition": {"StringNotEquals": {"aws:PrincipalTag/team": "x"}},
            }
        ),
    )
    sts, role = server.client(user, "sts"), make_role()
    tagged = client(take(sts, role, Tags=[{"Key": "team", "Value": "x"}]))
    tagged.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(client(take(sts, role)).put_object, Bucket=bucket, Key="k", Body=b"") == ("AccessDenied", 403)


def test_a_user_s_session_dies_with_its_key(server, user, iam, name, client, bucket):
    credentials = server.client(user, "sts").get_session_token()["Credentials"]
    session = client(credentials)
    session.head_bucket(Bucket=bucket)
    assert refused(client(credentials, "sts").get_session_token) == ("AccessDenied", 403)
    iam.update_access_key(UserName=name, AccessKeyId=user.access_key, Status="Inactive")
    assert refused(session.list_buckets) == ("InvalidToken", 400)
    iam.update_access_key(UserName=name, AccessKeyId=user.access_key, Status="Active")
    session.head_bucket(Bucket=bucket)


def test_a_federated_user_has_what_its_policy_and_its_user_allow(server, alice, user, client, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    read = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    answer = server.client(user, "sts").get_federation_token(Name="guest", Policy=read)
    arn = f"arn:aws:sts::{alice.account_id}:federated-user/guest"
    assert answer["FederatedUser"] == {"Arn": arn, "FederatedUserId": f"{alice.account_id}:guest"}
    guest = client(answer["Credentials"])
    assert guest.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(guest.put_object, Bucket=bucket, Key="k", Body=b"") == ("AccessDenied", 403)


def test_sessions_without_a_second_factor_are_kept_from_iam(server, alice, client):
    everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    root = server.client(alice, "sts")
    for credentials in (root.get_federation_token(Name="guest", Policy=everything), root.get_session_token()):
        session = client(credentials["Credentials"], "iam")
        assert refused(session.list_users) == ("AccessDenied", 403)


def test_a_presigned_url_carries_the_session(server, user, make_role, client, s3, bucket):
    import ssl
    import urllib.request

    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    session = client(take(server.client(user, "sts"), make_role()))
    url = session.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    context = ssl.create_default_context(cafile=server.ca)
    with urllib.request.urlopen(url, context=context) as answer:
        assert answer.read() == b"x"


def test_the_root_user_takes_no_role(server, alice, make_role):
    sts = server.client(alice, "sts")
    arguments = {"RoleArn": make_role()["Arn"], "RoleSessionName": "session"}
    assert refused(sts.assume_role, **arguments) == ("AccessDenied", 403)
