"""S3 Control by aws-cli and boto3: an account's Block Public Access, and tags of buckets as Terraform keeps them.

Both put the account's number before the endpoint's name (`123456789012.s3.localhost`)."""

import json
import pathlib
import subprocess
import sys

import pytest

from harness import ROOT, failure, refused

AWS = pathlib.Path(sys.executable).with_name("aws")
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
BLOCK = "/v20180820/configuration/publicAccessBlock"


def switches(**on):
    return dict.fromkeys(SWITCHES, False) | on


@pytest.fixture(scope="module")
def carol(server):
    """The root of an account of its own."""
    return server.create_account("carol@example.com")


@pytest.fixture(scope="module")
def control(server):
    """A client of S3 Control for somebody."""
    return lambda account, **more: server.client(account, "s3control", host="s3.localhost", **more)


@pytest.fixture
def aws(server, carol):
    environment = server.environment(carol) | {
        "AWS_PAGER": "",
        "AWS_ENDPOINT_URL": "",
        "PYTHONPATH": str(ROOT / "tests" / "clients" / "localhost"),
    }

    def run(*arguments, status=0):
        command = [AWS, "s3control", *arguments, "--account-id", carol.account_id, "--output", "json"]
        command += ["--endpoint-url", server.endpoint(host="s3.localhost")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == status, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return (json.loads(done.stdout) if done.stdout else None) if status == 0 else done.stderr

    return run


def test_aws_cli_sets_an_accounts_block(aws):
    given = json.dumps(switches(BlockPublicAcls=True))
    aws("put-public-access-block", "--public-access-block-configuration", given)
    shown = aws("get-public-access-block")["PublicAccessBlockConfiguration"]
    assert shown == switches(BlockPublicAcls=True)
    aws("delete-public-access-block")
    said = aws("get-public-access-block", status=255)
    assert "(NoSuchPublicAccessBlockConfiguration)" in said


def test_aws_cli_tags_a_bucket(aws, server, carol, name):
    s3 = server.client(carol)
    s3.create_bucket(Bucket=name)
    arn = f"arn:aws:s3:::{name}"
    assert aws("list-tags-for-resource", "--resource-arn", arn) == {"Tags": []}
    aws("tag-resource", "--resource-arn", arn, "--tags", "Key=team,Value=one two", "Key=cost,Value=17")
    aws("tag-resource", "--resource-arn", arn, "--tags", "Key=cost,Value=18")
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "team", "unknown")
    assert aws("list-tags-for-resource", "--resource-arn", arn) == {"Tags": [{"Key": "cost", "Value": "18"}]}
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "cost", "Value": "18"}]
    assert "(NoSuchBucket)" in aws("list-tags-for-resource", "--resource-arn", f"{arn}-gone", status=255)


def test_an_account_sets_its_own_block_alone(control, server, carol, bob):
    block = switches(RestrictPublicBuckets=True)
    own = control(carol)
    own.put_public_access_block(AccountId=carol.account_id, PublicAccessBlockConfiguration=block)
    for call, more in (
        ("get_public_access_block", {}),
        ("put_public_access_block", {"PublicAccessBlockConfiguration": switches()}),
        ("delete_public_access_block", {}),
    ):
        other = getattr(control(bob), call)
        assert refused(other, AccountId=carol.account_id, **more) == ("AccessDenied", 403), call
    shown = own.get_public_access_block(AccountId=carol.account_id)
    assert shown["PublicAccessBlockConfiguration"] == block
    own.delete_public_access_block(AccountId=carol.account_id)
    own.delete_public_access_block(AccountId=carol.account_id)
    again = refused(own.get_public_access_block, AccountId=carol.account_id)
    assert again == ("NoSuchPublicAccessBlockConfiguration", 404)


def test_the_accounts_block_holds_before_a_buckets(control, server, carol, name):
    s3 = server.client(carol)
    s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerPreferred")
    s3.delete_public_access_block(Bucket=name)
    own = control(carol)
    own.delete_public_access_block(AccountId=carol.account_id)
    s3.put_bucket_acl(Bucket=name, ACL="public-read")
    assert server.http("GET", f"/{name}").status == 200
    block = switches(IgnorePublicAcls=True)
    own.put_public_access_block(AccountId=carol.account_id, PublicAccessBlockConfiguration=block)
    assert server.http("GET", f"/{name}").said() == (403, "AccessDenied")
    own.delete_public_access_block(AccountId=carol.account_id)
    assert server.http("GET", f"/{name}").status == 200


@pytest.mark.parametrize("prefix", [True, False])
def test_the_hosts_prefix_is_optional_and_decides_nothing(control, carol, prefix):
    client = control(carol, inject_host_prefix=prefix)
    client.delete_public_access_block(AccountId=carol.account_id)
    answer = refused(client.get_public_access_block, AccountId=carol.account_id)
    assert answer == ("NoSuchPublicAccessBlockConfiguration", 404)


def test_another_accounts_number_in_host_or_header_opens_nothing(control, server, carol, bob):
    control(bob).put_public_access_block(AccountId=bob.account_id, PublicAccessBlockConfiguration=switches())
    for host, header in (
        (f"{bob.account_id}.s3.localhost", {"x-amz-account-id": carol.account_id}),
        (f"{carol.account_id}.s3.localhost", {"x-amz-account-id": bob.account_id}),
        ("s3.localhost", {"x-amz-account-id": bob.account_id}),
        ("s3.localhost", {"x-amz-account-id": "nobody"}),
        (f"{bob.account_id}.s3.localhost", {}),
        (f"{carol.account_id}.s3.localhost", {}),
    ):
        answer = server.signed(carol, "DELETE", BLOCK, headers=header, host=host)
        assert 400 <= answer.status < 500, (host, header, answer.status, answer.body)
    own = control(bob).get_public_access_block(AccountId=bob.account_id)
    assert own["PublicAccessBlockConfiguration"] == switches()
    unsigned = server.http("GET", BLOCK, {"Host": server.authority(host="s3.localhost"), "x-amz-account-id": bob.account_id})
    assert unsigned.said() == (403, "AccessDenied")


def test_tags_need_their_own_actions(control, server, carol, name):
    """Terraform goes back to the older operations only where the denial has AWS's words."""
    server.client(carol).create_bucket(Bucket=name)
    iam = server.client(carol, "iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = type(carol)(carol.account_id, carol.canonical_user_id, key["AccessKeyId"], key["SecretAccessKey"])
    arn = f"arn:aws:s3:::{name}"

    def let(*actions):
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": arn}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="tags", PolicyDocument=document)

    tags = [{"Key": "a", "Value": "1"}]
    calls = {
        "s3:ListTagsForResource": lambda client: client.list_tags_for_resource(AccountId=carol.account_id, ResourceArn=arn),
        "s3:TagResource": lambda client: client.tag_resource(AccountId=carol.account_id, ResourceArn=arn, Tags=tags),
        "s3:UntagResource": lambda client: client.untag_resource(AccountId=carol.account_id, ResourceArn=arn, TagKeys=["a"]),
    }
    for action, call in calls.items():
        let("s3:GetBucketTagging", "s3:PutBucketTagging", *(other for other in calls if other != action))
        error = failure(call, control(user))["Error"]
        assert error["Code"] == "AccessDenied"
        assert f"is not authorized to perform: {action} on resource: \"{arn}\"" in error["Message"]
        let(action)
        call(control(user))


def test_tags_of_another_accounts_bucket_are_closed(control, server, carol, bob, name):
    server.client(carol).create_bucket(Bucket=name)
    arn = f"arn:aws:s3:::{name}"
    client = control(bob)
    assert refused(client.list_tags_for_resource, AccountId=bob.account_id, ResourceArn=arn) == ("AccessDenied", 403)
    tags = [{"Key": "a", "Value": "1"}]
    assert refused(client.tag_resource, AccountId=bob.account_id, ResourceArn=arn, Tags=tags) == ("AccessDenied", 403)
    assert refused(client.tag_resource, AccountId=carol.account_id, ResourceArn=arn, Tags=tags) == ("AccessDenied", 403)
    assert control(carol).list_tags_for_resource(AccountId=carol.account_id, ResourceArn=arn)["Tags"] == []


def test_what_is_no_bucket_has_no_tags(control, carol):
    for arn in ("arn:aws:s3:::Not_A_Bucket", "arn:aws:s3:::bucket/key", "arn:aws:iam::123456789012:user/x"):
        answer = refused(control(carol).list_tags_for_resource, AccountId=carol.account_id, ResourceArn=arn)
        assert 400 <= answer[1] < 500, answer


def test_terraforms_way_with_a_tagged_bucket(control, server, carol, name):
    """Tags with the bucket, then read, changed and taken away through S3 Control."""
    s3 = server.client(carol)
    tags = [{"Key": "Name", "Value": "my bucket"}, {"Key": "env", "Value": "dev"}]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": tags})
    client, where = control(carol), {"AccountId": carol.account_id, "ResourceArn": f"arn:aws:s3:::{name}"}
    assert client.list_tags_for_resource(**where)["Tags"] == tags
    client.untag_resource(**where, TagKeys=["Name"])
    client.tag_resource(**where, Tags=[{"Key": "env", "Value": "prod"}])
    assert client.list_tags_for_resource(**where)["Tags"] == [{"Key": "env", "Value": "prod"}]
    client.untag_resource(**where, TagKeys=["env"])
    assert client.list_tags_for_resource(**where)["Tags"] == []
    assert refused(s3.get_bucket_tagging, Bucket=name) == ("NoSuchTagSet", 404)


def test_multi_region_access_points_are_none_wherever_they_are_asked_for(server, carol):
    """SDKs sign these requests for us-west-2, whatever the region of the client is."""
    client = server.client(carol, "s3control", host="s3.localhost", region="us-west-2")
    assert client.list_multi_region_access_points(AccountId=carol.account_id)["AccessPoints"] == []
