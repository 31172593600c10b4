"""Access points, by boto3, aws-cli and hand-signed requests: their life, each way to address one, and who gets through.

Source: S3 User Guide, "Managing access to shared datasets with access points" and its pages on policies, aliases, names,
and compatible operations; S3 Control API Reference.
"""

import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

import boto3
import botocore.exceptions
import pytest

from harness import EMPTY_SHA256, Account, Server, failure, head, read_answer, refused, sign
from test_vpc_endpoints import Network, proxy_header

AWS = str(pathlib.Path(sys.executable).with_name("aws"))
OFF = dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], False)
ON = dict.fromkeys(OFF, True)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(action, resource, *, effect="Allow", principal="*", **more):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **more}


def arn_of(account, name, region="us-east-1"):
    return f"arn:aws:s3:{region}:{account.account_id}:accesspoint/{name}"


class Place:
    """A server, the accounts on it, and one bucket of Alice's with an object."""

    def __init__(self, home):
        self.server = Server(home).start()
        self.alice, self.bob = self.server.root, self.server.create_account("bob@example.com")
        self.control = self.server.client(self.alice, "s3control", host="s3.localhost")
        self.control_bob = self.server.client(self.bob, "s3control", host="s3.localhost")
        self.s3, self.s3_bob = self.client(self.alice), self.client(self.bob)
        self.iam = self.server.client(self.alice, "iam")
        self.s3.create_bucket(Bucket="data")
        self.s3.put_object(Bucket="data", Key="k", Body=b"kept")
        self.users = 0

    def client(self, account, **options):
        return self.server.client(account, host="s3.localhost", **options)

    def make(self, name, *, bucket="data", **more):
        return self.control.create_access_point(AccountId=self.alice.account_id, Name=name, Bucket=bucket, **more)

    def put_policy(self, name, *statements):
        self.control.put_access_point_policy(AccountId=self.alice.account_id, Name=name, Policy=policy(*statements))

    def user(self, *statements):
        """A user of Alice's with this policy."""
        self.users += 1
        name = f"user{self.users}"
        arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        account = Account(
            self.alice.account_id, self.alice.canonical_user_id, key["AccessKeyId"], key["SecretAccessKey"]
        )
        return arn, account


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("points"))
    yield place
    assert place.server.stop() == 0


@pytest.fixture
def point(place):
    """An access point of Alice's to her bucket, gone after the test."""
    made = place.make("ap1")
    yield made
    place.control.delete_access_point(AccountId=place.alice.account_id, Name="ap1")
    place.s3.delete_bucket_policy(Bucket="data")


def test_the_life_of_an_access_point(place):
    control, account = place.control, place.alice.account_id
    before = time.time()
    made = place.make("life", Tags=[{"Key": "team", "Value": "red"}])
    assert made["AccessPointArn"] == arn_of(place.alice, "life")
    assert made["Alias"].startswith("life-") and made["Alias"].endswith("-s3alias") and len(made["Alias"]) <= 63
    shown = control.get_access_point(AccountId=account, Name="life")
    assert (shown["Name"], shown["Bucket"], shown["NetworkOrigin"]) == ("life", "data", "Internet")
    assert shown["PublicAccessBlockConfiguration"] == ON
    assert (shown["Alias"], shown["AccessPointArn"]) == (made["Alias"], made["AccessPointArn"])
    assert shown["BucketAccountId"] == account
    assert before - 5 <= shown["CreationDate"].timestamp() <= time.time() + 5
    assert list(shown["Endpoints"]) == ["ipv4"]
    listed = control.list_access_points(AccountId=account, Bucket="data")["AccessPointList"]
    assert [(each["Name"], each["Bucket"], each["NetworkOrigin"], each["Alias"]) for each in listed] == [
        ("life", "data", "Internet", made["Alias"])
    ]
    tags = control.list_tags_for_resource(AccountId=account, ResourceArn=made["AccessPointArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "red"}]
    assert refused(place.make, "life") == ("AccessPointAlreadyOwnedByYou", 409)
    assert refused(control.get_access_point_policy, AccountId=account, Name="life") == ("NoSuchAccessPointPolicy", 404)
    objects = f"{made['AccessPointArn']}/object/*"
    place.put_policy("life", statement("s3:GetObject", objects, principal={"AWS": place.bob.account_id}))
    text = control.get_access_point_policy(AccountId=account, Name="life")["Policy"]
    assert json.loads(text)["Statement"][0]["Resource"] == objects
    status = control.get_access_point_policy_status(AccountId=account, Name="life")["PolicyStatus"]
    assert status == {"IsPublic": False}
    control.delete_access_point_policy(AccountId=account, Name="life")
    assert refused(place.s3.delete_bucket, Bucket="data")[0] == "BucketNotEmpty"
    control.delete_access_point(AccountId=account, Name="life")
    for call in (control.get_access_point, control.delete_access_point, control.get_access_point_policy):
        assert refused(call, AccountId=account, Name="life") == ("NoSuchAccessPoint", 404)
    assert control.list_access_points(AccountId=account)["AccessPointList"] == []
    assert control.list_multi_region_access_points(AccountId=account)["AccessPoints"] == []


def test_access_points_are_listed_page_by_page(place):
    account = place.alice.account_id
    names = [f"page{number}" for number in range(5)]
    place.s3.create_bucket(Bucket="other")
    for name in names:
        place.make(name, bucket="other")
    for asked in ({}, {"Bucket": "other"}):
        found, more = [], {}
        while True:
            page = place.control.list_access_points(AccountId=account, MaxResults=2, **asked, **more)
            found.append([each["Name"] for each in page["AccessPointList"]])
            if "NextToken" not in page:
                break
            more = {"NextToken": page["NextToken"]}
        assert found == [names[:2], names[2:4], names[4:]]
    assert refused(place.s3.delete_bucket, Bucket="other") == ("BucketHasAccessPointsAttached", 400)
    for name in names:
        place.control.delete_access_point(AccountId=account, Name=name)
    place.s3.delete_bucket(Bucket="other")


@pytest.mark.parametrize("name", ["with.dot", "Upper", "-edge", "edge-", "x-s3alias", "a" * 51])
def test_a_name_that_breaks_the_rules_is_refused(place, name):
    assert refused(place.make, name) == ("InvalidRequest", 400)


def test_another_accounts_access_points_are_out_of_reach(place, point):
    mine, other = place.alice.account_id, place.bob.account_id
    for call in ("get_access_point", "get_access_point_policy", "delete_access_point"):
        assert refused(getattr(place.control_bob, call), AccountId=mine, Name="ap1") == ("AccessDenied", 403)
        code = refused(getattr(place.control_bob, call), AccountId=other, Name="ap1")
        assert code == ("NoSuchAccessPoint", 404)
    arguments = {"AccountId": other, "Name": "theirs", "Bucket": "data"}
    assert refused(place.control_bob.create_access_point, **arguments) == ("AccessDenied", 403)


# Each way to name the access point, and what botocore makes of it.


def by_arn(place, made):
    return made["AccessPointArn"]


def by_alias(place, made):
    return made["Alias"]


@pytest.mark.parametrize("address", [by_arn, by_alias], ids=["arn", "alias"])
@pytest.mark.parametrize("style", ["path", "virtual"])
def test_objects_are_reached_through_an_access_point(place, point, address, style):
    s3, bucket = place.client(place.alice, style=style), address(place, point)
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"through")
    assert place.s3.get_object(Bucket="data", Key="a b/ü")["Body"].read() == b"through"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 4
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {"a b/ü", "k"}
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    assert [each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["parts"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "parts"}, {"Key": "a b/ü"}]})
    assert {each["Key"] for each in done["Deleted"]} == {"parts", "a b/ü"}
    if address is by_alias:  # of an ARN botocore makes no path, and this operation it sends by path alone
        assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    parsed = urllib.parse.urlsplit(url)
    answer = place.server.http("GET", f"{parsed.path}?{parsed.query}", {"Host": parsed.netloc})
    assert (answer.status, answer.body) == (200, b"kept")


def test_a_bucket_says_whether_it_was_named_by_an_alias(place, point):
    assert place.s3.head_bucket(Bucket=point["Alias"])["AccessPointAlias"] is True
    assert place.s3.head_bucket(Bucket=point["AccessPointArn"])["AccessPointAlias"] is False
    assert place.s3.head_bucket(Bucket="data")["AccessPointAlias"] is False


def test_a_browsers_form_goes_to_buckets_alone(place, point):
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    body = b'--edge\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n'
    body += b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\nupload\r\n--edge--\r\n'
    host = f"ap1-{place.alice.account_id}"
    for bucket in (point["Alias"], point["AccessPointArn"], host):
        assert place.server.http("POST", f"/{bucket}", headers, body).said() == (405, "MethodNotAllowed")
    by_host = {**headers, "Host": f"{host}.s3.localhost"}
    assert place.server.http("POST", "/", by_host, body).said() == (405, "MethodNotAllowed")
    assert place.server.http("POST", "/data", headers, body).said() == (403, "AccessDenied")


def test_raw_requests_name_it_in_the_path_and_by_host(place, point):
    arn = point["AccessPointArn"]
    paths = {
        f"/{arn}/k": "localhost",
        f"/{point['Alias']}/k": "localhost",
        "/k": f"ap1-{place.alice.account_id}.s3.localhost",
        f"/ap1-{place.alice.account_id}/k": "localhost",
    }
    for path, host in paths.items():
        answer = place.server.signed(place.alice, "GET", path, host=host)
        assert (answer.status, answer.body) == (200, b"kept"), (path, answer.body)
    # The slash in the ARN encoded, and the rest as it is: the signature is over what that stands for.
    headers = sign(
        place.alice,
        "GET",
        f"/{arn}/k",
        (),
        {"Host": place.server.authority()},
        payload_hash=EMPTY_SHA256,
        region=place.server.region,
    )
    for target in ("/" + urllib.parse.quote(arn, safe="") + "/k", f"/{arn}/k"):
        answer = place.server.http("GET", target, headers)
        assert (answer.status, answer.body) == (200, b"kept"), (target, answer.body)
    answer = place.server.signed(place.alice, "GET", "/k", host=f"ap9-{place.alice.account_id}.s3.localhost")
    assert answer.said() == (404, "NoSuchBucket")
    answer = place.server.signed(place.alice, "GET", f"/{arn_of(place.alice, 'ap9')}/k")
    assert answer.said() == (404, "NoSuchAccessPoint")
    answer = place.server.signed(place.alice, "GET", f"/{arn_of(place.alice, 'ap1', 'eu-central-1')}/k")
    assert answer.said() == (404, "NoSuchAccessPoint")
    answer = place.server.signed(place.alice, "GET", "/arn:aws:s3:us-east-1:12:accesspoint/ap1/k")
    assert answer.said() == (400, "InvalidAccessPoint")


def test_in_another_region_nothing_is_told_but_where_it_is(place, point):
    for bucket in (point["Alias"], f"ap1-{place.alice.account_id}"):
        answer = place.server.signed(place.bob, "GET", f"/{bucket}/k", region="eu-central-1")
        if bucket == point["Alias"]:
            assert answer.said() == (301, "PermanentRedirect")
            assert answer.headers["x-amz-bucket-region"] == "us-east-1"
            assert b"<Bucket>" + bucket.encode() in answer.body
            assert place.alice.account_id.encode() not in answer.body, "an alias does not tell whose it is"
        else:
            assert answer.said() == (404, "NoSuchBucket")
        assert b"data" not in answer.body


def test_copies_are_made_from_and_to_an_access_point(place, point):
    arn, alias = point["AccessPointArn"], point["Alias"]
    sources = [
        {"Bucket": arn, "Key": "k"},
        {"Bucket": alias, "Key": "k"},
        f"{arn}/object/k",
    ]
    for at, source in enumerate(sources):
        for to in ("data", arn, alias):
            place.s3.copy_object(Bucket=to, Key=f"copy{at}", CopySource=source)
            assert place.s3.get_object(Bucket="data", Key=f"copy{at}")["Body"].read() == b"kept"
    for source in ("data/k", f"{arn}/object/k"):
        upload = place.s3.create_multipart_upload(Bucket=arn, Key="parts")["UploadId"]
        place.s3.upload_part_copy(Bucket=arn, Key="parts", UploadId=upload, PartNumber=1, CopySource=source)
        place.s3.abort_multipart_upload(Bucket=arn, Key="parts", UploadId=upload)
    called_object = place.make("object")["AccessPointArn"]
    place.s3.put_object(Bucket="data", Key="object/k", Body=b"nested")
    for key, body in (("k", b"kept"), ("object/k", b"nested")):
        place.s3.copy_object(Bucket="data", Key="copy", CopySource=f"{called_object}/object/{key}")
        assert place.s3.get_object(Bucket="data", Key="copy")["Body"].read() == body
    place.control.delete_access_point(AccountId=place.alice.account_id, Name="object")
    gone = arn.replace("ap1", "ap9")
    code = refused(place.s3.copy_object, Bucket="data", Key="copy", CopySource=f"{gone}/object/k")
    assert code == ("NoSuchAccessPoint", 404)


def test_aws_cli_works_through_an_access_point(place, point):
    environment = place.server.environment(place.alice) | {
        "AWS_PAGER": "",
        "AWS_ENDPOINT_URL": place.server.endpoint(host="s3.localhost"),
        "AWS_MAX_ATTEMPTS": "1",
    }
    script = "import socket, sys\nsys.path.insert(0, sys.argv.pop(1))\nimport harness\nimport awscli.clidriver\nsys.exit(awscli.clidriver.main())"

    def aws(*arguments):
        command = [sys.executable, "-c", script, os.path.dirname(__file__), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    account = place.alice.account_id
    shown = aws("s3control", "get-access-point", "--account-id", account, "--name", "ap1", "--output", "json")
    assert shown["Bucket"] == "data"
    listed = aws("s3control", "list-access-points", "--account-id", account, "--output", "json")
    assert [each["Name"] for each in listed["AccessPointList"]] == ["ap1"]
    found = aws("s3api", "head-object", "--bucket", point["AccessPointArn"], "--key", "k", "--output", "json")
    assert found["ContentLength"] == 4
    assert "k" in aws("s3", "ls", f"s3://{point['Alias']}/")


@pytest.mark.parametrize("address", [by_arn, by_alias], ids=["arn", "alias"])
def test_what_aws_does_not_let_through_is_refused(place, point, address):
    bucket = address(place, point)
    for call in (
        place.s3.delete_bucket,
        place.s3.get_bucket_tagging,
        place.s3.get_bucket_versioning,
        place.s3.get_bucket_encryption,
        place.s3.delete_bucket_policy,
        place.s3.get_public_access_block,
    ):
        assert refused(call, Bucket=bucket) == ("MethodNotAllowed", 405), call
    assert refused(place.s3.put_bucket_policy, Bucket=bucket, Policy=policy()) == ("MethodNotAllowed", 405)
    if address is by_alias:
        assert refused(place.s3.create_bucket, Bucket=bucket) == ("InvalidBucketName", 400)


def test_a_user_gets_through_by_his_own_policy_or_by_the_access_points_where_the_bucket_delegates(place, point):
    arn = point["AccessPointArn"]
    objects = f"{arn}/object/*"
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects}
    _, by_own = place.user(allow)
    assert place.client(by_own).get_object(Bucket=arn, Key="k")["Body"].read() == b"kept"
    assert refused(place.client(by_own).get_object, Bucket="data", Key="k") == ("AccessDenied", 403)
    _, of_bucket = place.user({**allow, "Resource": "arn:aws:s3:::data/*"})
    denied = failure(place.client(of_bucket).get_object, Bucket=arn, Key="k")["Error"]
    assert denied["Code"] == "AccessDenied" and f'on resource: "{arn}/object/k"' in denied["Message"]
    name, nobody = place.user()
    place.put_policy("ap1", statement("s3:GetObject", objects, principal={"AWS": name}))
    assert refused(place.client(nobody).get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    own = {"StringEquals": {"s3:DataAccessPointAccount": place.alice.account_id}}
    place.s3.put_bucket_policy(
        Bucket="data", Policy=policy(statement("*", ["arn:aws:s3:::data", "arn:aws:s3:::data/*"], Condition=own))
    )
    assert place.client(nobody).get_object(Bucket=arn, Key="k")["Body"].read() == b"kept"
    assert refused(place.client(nobody).put_object, Bucket=arn, Key="k", Body=b"") == ("AccessDenied", 403)
    assert refused(place.client(nobody).get_object, Bucket="data", Key="k") == ("AccessDenied", 403)


def test_nobody_gets_round_a_denial_by_going_through_an_access_point(place, point):
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    _, kept_out = place.user(everything, {**everything, "Effect": "Deny", "Resource": "arn:aws:s3:::data/k"})
    for bucket in ("data", point["AccessPointArn"], point["Alias"]):
        assert refused(place.client(kept_out).get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    place.s3.put_bucket_policy(
        Bucket="data", Policy=policy(statement("s3:GetObject", "arn:aws:s3:::data/*", effect="Deny"))
    )
    assert refused(place.s3.get_object, Bucket=point["AccessPointArn"], Key="k") == ("AccessDenied", 403)
    place.s3.delete_bucket_policy(Bucket="data")
    place.put_policy("ap1", statement("s3:GetObject", f"{point['AccessPointArn']}/object/*", effect="Deny"))
    denied = failure(place.s3.get_object, Bucket=point["Alias"], Key="k")["Error"]["Message"]
    assert "with an explicit deny in a resource-based policy" in denied
    assert place.s3.get_object(Bucket="data", Key="k")["Body"].read() == b"kept"


def test_another_account_needs_the_access_points_leave_and_the_buckets(place, point):
    arn = point["AccessPointArn"]
    assert refused(place.s3_bob.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    grant = statement("s3:GetObject", f"{arn}/object/*", principal={"AWS": place.bob.account_id})
    place.put_policy("ap1", grant)
    assert refused(place.s3_bob.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    of_this = {"ArnEquals": {"s3:DataAccessPointArn": arn}}
    place.s3.put_bucket_policy(
        Bucket="data", Policy=policy(statement("s3:GetObject", "arn:aws:s3:::data/*", Condition=of_this))
    )
    assert place.s3.get_bucket_policy_status(Bucket="data")["PolicyStatus"] == {"IsPublic": False}
    assert place.s3_bob.get_object(Bucket=arn, Key="k")["Body"].read() == b"kept"
    assert refused(place.s3_bob.get_object, Bucket=arn, Key="gone") == ("AccessDenied", 403)
    listing = statement("s3:ListBucket", arn, principal={"AWS": place.bob.account_id})
    place.put_policy("ap1", grant, listing)
    place.s3.put_bucket_policy(
        Bucket="data",
        Policy=policy(
            statement(["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::data", "arn:aws:s3:::data/*"], Condition=of_this)
        ),
    )
    assert refused(place.s3_bob.get_object, Bucket=arn, Key="gone") == ("NoSuchKey", 404)
    assert refused(place.s3_bob.get_object, Bucket="data", Key="k") == ("AccessDenied", 403)
    place.control.delete_access_point_policy(AccountId=place.alice.account_id, Name="ap1")
    assert refused(place.s3_bob.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)


def test_an_access_point_of_another_account_leads_where_the_bucket_lets_it(place):
    arguments = {"AccountId": place.bob.account_id, "Name": "cross", "Bucket": "data"}
    arguments["BucketAccountId"] = place.alice.account_id
    made = place.control_bob.create_access_point(**arguments)
    arn = made["AccessPointArn"]
    assert refused(place.s3_bob.get_object, Bucket=arn, Key="k") == ("AccessDenied", 403)
    theirs = {"StringEquals": {"s3:DataAccessPointAccount": place.bob.account_id}}
    place.s3.put_bucket_policy(
        Bucket="data", Policy=policy(statement("s3:GetObject", "arn:aws:s3:::data/*", Condition=theirs))
    )
    assert place.s3_bob.get_object(Bucket=arn, Key="k")["Body"].read() == b"kept"
    assert refused(place.s3_bob.get_object, Bucket="data", Key="k") == ("AccessDenied", 403)
    shown = place.control_bob.get_access_point(AccountId=place.bob.account_id, Name="cross")
    assert shown["BucketAccountId"] == place.alice.account_id
    place.s3.delete_bucket_policy(Bucket="data")
    place.control_bob.delete_access_point(AccountId=place.bob.account_id, Name="cross")


def test_a_public_policy_is_blocked_at_every_level(place):
    control, account = place.control, place.alice.account_id
    place.s3.create_bucket(Bucket="open")
    place.s3.put_object(Bucket="open", Key="k", Body=b"for everybody")
    anonymous = place.server.client(None, host="s3.localhost", signature_version=boto3.session.botocore.UNSIGNED)
    closed, opened = place.make("closed", bucket="open"), place.make("opened", bucket="open", PublicAccessBlockConfiguration=OFF)
    public = statement("s3:GetObject", f"{opened['AccessPointArn']}/object/*")
    put = lambda: place.put_policy("opened", public)  # noqa: E731
    assert refused(put) == ("AccessDenied", 403), "the account's block"
    control.delete_public_access_block(AccountId=account)
    assert refused(put) == ("AccessDenied", 403), "the bucket's block"
    place.s3.delete_public_access_block(Bucket="open")
    put()
    assert control.get_access_point_policy_status(AccountId=account, Name="opened")["PolicyStatus"] == {"IsPublic": True}
    denied = failure(place.put_policy, "closed", statement("s3:GetObject", f"{closed['AccessPointArn']}/object/*"))
    assert "BlockPublicPolicy" in denied["Error"]["Message"], "the access point's own"
    own = {"StringEquals": {"s3:DataAccessPointAccount": account}}
    place.s3.put_bucket_policy(
        Bucket="open", Policy=policy(statement("s3:GetObject", "arn:aws:s3:::open/*", Condition=own))
    )
    through = {"Bucket": opened["AccessPointArn"], "Key": "k"}
    assert anonymous.get_object(**through)["Body"].read() == b"for everybody"
    assert refused(anonymous.get_object, Bucket="open", Key="k") == ("AccessDenied", 403)
    restrict = {**OFF, "RestrictPublicBuckets": True}
    control.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration=restrict)
    assert refused(anonymous.get_object, **through) == ("AccessDenied", 403)
    assert refused(place.s3_bob.get_object, **through) == ("AccessDenied", 403)
    assert place.s3.get_object(**through)["Body"].read() == b"for everybody"
    control.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration=ON)
    for name in ("closed", "opened"):
        control.delete_access_point(AccountId=account, Name=name)
    place.s3.delete_object(Bucket="open", Key="k")
    place.s3.delete_bucket(Bucket="open")


def test_one_of_a_vpc_is_never_public_and_answers_nobody_from_the_internet(place):
    made = place.make("vpc", VpcConfiguration={"VpcId": "vpc-0123456789abcdef0"}, PublicAccessBlockConfiguration=ON)
    shown = place.control.get_access_point(AccountId=place.alice.account_id, Name="vpc")
    assert (shown["NetworkOrigin"], shown["VpcConfiguration"]) == ("VPC", {"VpcId": "vpc-0123456789abcdef0"})
    place.put_policy("vpc", statement("s3:GetObject", f"{made['AccessPointArn']}/object/*"))
    status = place.control.get_access_point_policy_status(AccountId=place.alice.account_id, Name="vpc")
    assert status["PolicyStatus"] == {"IsPublic": False}
    for bucket in (made["AccessPointArn"], made["Alias"]):
        denied = failure(place.s3.get_object, Bucket=bucket, Key="k")["Error"]
        assert denied["Code"] == "AccessDenied" and "from its VPC" in denied["Message"]
        assert refused(place.s3.put_object, Bucket=bucket, Key="k", Body=b"") == ("AccessDenied", 403)
    forged = {"X-Amz-Source-Vpc": "vpc-0123456789abcdef0", "X-Forwarded-For": "10.0.0.1"}
    answer = place.server.signed(place.alice, "GET", f"/{made['Alias']}/k", headers=forged)
    assert answer.said() == (403, "AccessDenied")
    place.control.delete_access_point(AccountId=place.alice.account_id, Name="vpc")


def test_one_of_a_vpc_answers_through_the_endpoints_of_that_vpc(tmp_path_factory):
    network = Network(Server(tmp_path_factory.mktemp("vpc")))
    server, alice = network.server, network.alice
    public, through = server.client(alice), network.client(alice, network.port)
    control = server.client(alice, "s3control", host="s3.localhost")
    public.create_bucket(Bucket="data")
    public.put_object(Bucket="data", Key="k", Body=b"kept")
    other = network.ec2().create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    make = lambda name, **more: control.create_access_point(  # noqa: E731
        AccountId=alice.account_id, Name=name, Bucket="data", **more
    )
    made = make("inside", VpcConfiguration={"VpcId": network.vpc})
    elsewhere = make("elsewhere", VpcConfiguration={"VpcId": other})["Alias"]
    anywhere = make("anywhere")["Alias"]
    inside = made["Alias"]
    balanced = network.through_balancer(alice, lambda peer: proxy_header(peer, network.balanced))
    for client in (through, balanced):
        assert client.get_object(Bucket=inside, Key="k")["Body"].read() == b"kept"
        assert client.get_object(Bucket=anywhere, Key="k")["Body"].read() == b"kept"
        assert refused(client.get_object, Bucket=elsewhere, Key="k") == ("AccessDenied", 403)
    assert refused(public.get_object, Bucket=inside, Key="k") == ("AccessDenied", 403)
    assert public.get_object(Bucket=anywhere, Key="k")["Body"].read() == b"kept"
    # Nor does it tell its bucket's rules on the internet.
    rules = [{"AllowedOrigins": ["https://a.example"], "AllowedMethods": ["GET"]}]
    public.put_bucket_cors(Bucket="data", CORSConfiguration={"CORSRules": rules})
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    assert server.http("OPTIONS", f"/{inside}/k", ask).said() == (403, "AccessForbidden")
    assert server.http("OPTIONS", f"/{anywhere}/k", ask).status == 200
    for alias, status in ((inside, 200), (elsewhere, 403)):
        connection = http.client.HTTPConnection("127.0.0.1", network.plain_port, timeout=20)
        connection.request("OPTIONS", f"/{alias}/k", headers=ask)
        assert connection.getresponse().status == status
        connection.close()
    # The endpoint's policy is asked about both names of an object.
    bucket, point = "arn:aws:s3:::data/*", f"{made['AccessPointArn']}/object/*"
    for resources, lets_in in (([bucket, point], True), ([bucket], False), ([point], False)):
        document = policy(statement("s3:GetObject", resources))
        network.ec2().modify_vpc_endpoint(VpcEndpointId=network.bound, PolicyDocument=document)
        if lets_in:
            assert through.get_object(Bucket=inside, Key="k")["Body"].read() == b"kept"
        else:
            denied = failure(through.get_object, Bucket=inside, Key="k")["Error"]["Message"]
            assert "no VPC endpoint policy allows" in denied
    network.close()
    assert server.stop() == 0


def test_a_host_is_an_access_points_or_a_buckets_and_never_both(place, point):
    host = f"ap1-{place.alice.account_id}"
    assert refused(place.s3_bob.create_bucket, Bucket=host) == ("BucketAlreadyExists", 409)
    assert refused(place.s3.create_bucket, Bucket=host) == ("BucketAlreadyExists", 409)
    taken = f"ap2-{place.alice.account_id}"
    assert refused(place.s3_bob.create_bucket, Bucket=taken) == ("BucketAlreadyExists", 409), "it ends in Alice's number"
    place.s3.create_bucket(Bucket=taken)
    assert refused(place.make, "ap2") == ("InvalidRequest", 400)
    place.s3.delete_bucket(Bucket=taken)
    place.make("ap2")
    place.control.delete_access_point(AccountId=place.alice.account_id, Name="ap2")


def test_a_bucket_that_is_made_again_is_not_reached(place):
    place.s3.create_bucket(Bucket="again")
    arguments = {"AccountId": place.bob.account_id, "Name": "again", "Bucket": "again"}
    made = place.control_bob.create_access_point(**arguments, BucketAccountId=place.alice.account_id)
    place.s3.delete_bucket(Bucket="again")
    place.s3_bob.create_bucket(Bucket="again")
    place.s3_bob.put_object(Bucket="again", Key="k", Body=b"")
    assert refused(place.s3_bob.get_object, Bucket=made["AccessPointArn"], Key="k") == ("NoSuchBucket", 404)
    host = f"again-{place.bob.account_id}"
    for named in (made["AccessPointArn"], made["Alias"], host):
        answer = place.server.http("GET", f"/{named}/k")
        assert answer.said() == (404, "NoSuchBucket")
        assert b"<BucketName>" + named.encode() + b"</BucketName>" in answer.body, "not what its bucket was called"
    place.control_bob.delete_access_point(AccountId=place.bob.account_id, Name="again")
    place.s3_bob.delete_object(Bucket="again", Key="k")
    place.s3_bob.delete_bucket(Bucket="again")


def test_control_operations_need_leave_on_the_access_points_arn(place, point):
    arn = point["AccessPointArn"]
    own = [{"Effect": "Allow", "Action": "s3:GetAccessPoint", "Resource": arn}]
    own.append({"Effect": "Allow", "Action": "s3:CreateAccessPoint", "Resource": "*"})
    vpc_only = {"StringNotEquals": {"s3:AccessPointNetworkOrigin": "VPC"}}
    own.append({"Effect": "Deny", "Action": "s3:CreateAccessPoint", "Resource": "*", "Condition": vpc_only})
    _, user = place.user(*own)
    control = place.server.client(user, "s3control", host="s3.localhost")
    account = place.alice.account_id
    assert control.get_access_point(AccountId=account, Name="ap1")["Name"] == "ap1"
    denied = failure(control.get_access_point_policy, AccountId=account, Name="ap1")["Error"]
    assert denied["Code"] == "AccessDenied"
    assert f's3:GetAccessPointPolicy on resource: "{arn}"' in denied["Message"]
    for call in (control.delete_access_point, control.get_access_point):
        assert refused(call, AccountId=account, Name="ap9") == ("AccessDenied", 403)
    assert refused(control.list_access_points, AccountId=account) == ("AccessDenied", 403)
    arguments = {"AccountId": account, "Name": "ap3", "Bucket": "data"}
    assert refused(control.create_access_point, **arguments) == ("AccessDenied", 403)
    control.create_access_point(**arguments, VpcConfiguration={"VpcId": "vpc-1"})
    tagged = {**arguments, "Name": "ap4", "Tags": [{"Key": "a", "Value": "b"}]}
    code = refused(control.create_access_point, **tagged, VpcConfiguration={"VpcId": "vpc-1"})
    assert code == ("AccessDenied", 403), "whoever tags it needs leave to"
    place.control.delete_access_point(AccountId=account, Name="ap3")


def test_tags_are_changed_in_the_access_points_region_alone(place, point):
    arn, account = point["AccessPointArn"], place.alice.account_id
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    there_only = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    for statements in ([allow], [{**allow, "Condition": there_only}]):
        _, user = place.user(*statements)
        for region, expected in (("eu-central-1", ("NoSuchAccessPoint", 404)), ("us-east-1", None)):
            control = place.server.client(user, "s3control", host="s3.localhost", region=region)
            for call, more in (
                (control.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
                (control.list_tags_for_resource, {}),
                (control.untag_resource, {"TagKeys": ["a"]}),
            ):
                arguments = {"AccountId": account, "ResourceArn": arn, **more}
                if expected and "Condition" in statements[0]:
                    assert refused(call, **arguments)[1] in (403, 404), "told no more than that it is not there"
                elif expected:
                    assert refused(call, **arguments) == expected
                else:
                    call(**arguments)


def begin(place, account, bucket, key, body):
    """An upload of which all but the last byte was sent; sends it, and gives the answer, when called."""
    digest = hashlib.sha256(body).hexdigest()
    headers = {"Host": place.server.authority(), "Content-Length": str(len(body))}
    path = f"/{bucket}/{key}"
    signed = sign(account, "PUT", path, (), headers, payload_hash=digest, region=place.server.region)
    stream = place.server.connect()
    stream.sendall(head("PUT", path, signed) + body[:-1])
    time.sleep(0.5)  # so that it is decided on before the test goes on

    def end():
        with stream:
            stream.sendall(body[-1:])
            return read_answer(stream, "PUT").said()

    return end


@pytest.mark.parametrize("withdraw", ["nothing", "tags", "policy", "access point"])
def test_what_is_withdrawn_is_withdrawn_from_uploads_on_their_way(place, withdraw):
    account, name = place.alice.account_id, f"flight-{withdraw.replace(' ', '-')}"
    made = place.make(name)
    arn = made["AccessPointArn"]
    own = {"StringEquals": {"s3:DataAccessPointAccount": account}}
    place.s3.put_bucket_policy(
        Bucket="data", Policy=policy(statement("s3:PutObject", "arn:aws:s3:::data/*", Condition=own))
    )
    place.put_policy(name, statement("s3:PutObject", f"{arn}/object/*", principal={"AWS": place.bob.account_id}))
    _, user = place.user({"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"{arn}/object/*"})
    ends = []
    for who in (place.bob, user):
        ends.append(begin(place, who, made["Alias"], f"flight-{name}", bytes(100_000)))
    if withdraw == "tags":
        tags = [{"Key": "a", "Value": "b"}]
        place.control.tag_resource(AccountId=account, ResourceArn=arn, Tags=tags)
    elif withdraw == "policy":
        place.control.delete_access_point_policy(AccountId=account, Name=name)
    elif withdraw == "access point":
        place.control.delete_access_point(AccountId=account, Name=name)
    by_bob, by_user = (end() for end in ends)
    if withdraw in ("nothing", "tags"):
        assert (by_bob[0], by_user[0]) == (200, 200)
    elif withdraw == "policy":
        assert by_bob == (403, "AccessDenied") and by_user[0] == 200
    else:
        assert by_bob == by_user == (404, "NoSuchBucket")
    if withdraw != "access point":
        place.control.delete_access_point(AccountId=account, Name=name)
    else:
        assert refused(place.s3.get_object, Bucket="data", Key=f"flight-{name}") == ("NoSuchKey", 404)
    place.s3.delete_object(Bucket="data", Key=f"flight-{name}")
    place.s3.delete_bucket_policy(Bucket="data")


def test_the_record_names_the_access_point(place, point):
    answer = place.s3.get_object(Bucket=point["AccessPointArn"], Key="k")
    (event,) = place.server.events_of(answer["ResponseMetadata"]["RequestId"])
    assert event["eventName"] == "GetObject" and event["eventCategory"] == "Data"
    kinds = {resource["type"]: resource for resource in event["resources"]}
    account = place.alice.account_id
    assert kinds["AWS::S3::AccessPoint"] == {
        "accountId": account, "type": "AWS::S3::AccessPoint", "ARN": point["AccessPointArn"]
    }
    assert kinds["AWS::S3::Object"]["ARN"] == "arn:aws:s3:::data/k"
    assert kinds["AWS::S3::Bucket"]["ARN"] == "arn:aws:s3:::data"
    arn = point["AccessPointArn"]
    answer = place.s3.copy_object(Bucket=arn, Key="copied", CopySource=f"{arn}/object/k")
    (event,) = place.server.events_of(answer["ResponseMetadata"]["RequestId"])
    assert sorted(resource["ARN"] for resource in event["resources"]) == [
        "arn:aws:s3:::data", "arn:aws:s3:::data/copied", "arn:aws:s3:::data/k", arn
    ]
    answer = place.control.get_access_point(AccountId=account, Name="ap1")
    (event,) = place.server.events_of(answer["ResponseMetadata"]["RequestId"])
    assert (event["eventName"], event["eventSource"], event["readOnly"]) == ("GetAccessPoint", "s3.amazonaws.com", True)
    assert event["eventCategory"] == "Management"


def test_explain_and_who_can_know_access_points(place, point):
    arn = point["AccessPointArn"]
    grant = statement("s3:GetObject", f"{arn}/object/*", principal={"AWS": place.bob.account_id})
    place.put_policy("ap1", grant)

    def ask(*arguments):
        done = place.server.run(*arguments, "--endpoint", place.server.endpoint(), "--output", "json", account=place.alice)
        return json.loads(done.stdout)

    about = ("--principal", place.bob.account_id, "--action", "s3:GetObject", "--resource", f"{arn}/object/k")
    assert ask("explain", *about)["explanation"]["decision"] == "IMPLICITLY_DENIED"
    own = {"StringEquals": {"s3:DataAccessPointAccount": place.alice.account_id}}
    place.s3.put_bucket_policy(
        Bucket="data", Policy=policy(statement("s3:GetObject", "arn:aws:s3:::data/*", Condition=own))
    )
    assert ask("explain", *about)["explanation"]["decision"] == "ALLOWED"
    denied = failure(place.s3_bob.put_object, Bucket=point["Alias"], Key="k", Body=b"")
    deadline = time.monotonic() + 10
    while True:
        try:
            told = ask("explain", denied["ResponseMetadata"]["RequestId"])["explanation"]
            break
        except AssertionError:  # The record is found a moment after the answer.
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert (told["action"], told["resource"]) == ("s3:PutObject", f"{arn}/object/k")
    found = ask("who-can", "s3:GetObject", f"{arn}/object/k")
    assert any(place.bob.account_id in json.dumps(each) for each in found["principals"])


def test_browsers_are_told_the_buckets_rules(place, point):
    rules = [{"AllowedOrigins": ["https://a.example"], "AllowedMethods": ["GET"]}]
    place.s3.put_bucket_cors(Bucket="data", CORSConfiguration={"CORSRules": rules})
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    for path in (f"/{point['AccessPointArn']}/k", f"/{point['Alias']}/k", f"/ap1-{place.alice.account_id}/k"):
        answer = place.server.http("OPTIONS", path, headers)
        assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    # A host that there is in two regions leads to neither: a preflight says no region.
    distant = place.client(place.alice, region="eu-central-1")
    distant.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    control = place.server.client(place.alice, "s3control", host="s3.localhost", region="eu-central-1")
    control.create_access_point(AccountId=place.alice.account_id, Name="ap1", Bucket="far")
    answer = place.server.http("OPTIONS", f"/ap1-{place.alice.account_id}/k", headers)
    assert answer.said() == (403, "AccessForbidden")
    assert place.server.http("OPTIONS", f"/{point['Alias']}/k", headers).status == 200
    control.delete_access_point(AccountId=place.alice.account_id, Name="ap1")
    distant.delete_bucket(Bucket="far")
    place.s3.delete_bucket_cors(Bucket="data")
    answer = place.server.http("OPTIONS", f"/{point['Alias']}/k", headers)
    assert answer.said() == (403, "AccessForbidden")


def test_verify_knows_every_row_of_an_access_point(place, point):
    place.put_policy(
        "ap1", statement("s3:GetObject", f"{point['AccessPointArn']}/object/*", principal={"AWS": place.bob.account_id})
    )
    assert place.server.stop() == 0
    assert place.server.verify().returncode == 0
    place.server.start()


def test_everything_is_there_after_a_restart(place, point):
    place.put_policy(
        "ap1", statement("s3:GetObject", f"{point['AccessPointArn']}/object/*", principal={"AWS": place.bob.account_id})
    )
    place.server.kill()
    place.server.start()
    assert place.s3.get_object(Bucket=point["Alias"], Key="k")["Body"].read() == b"kept"
    shown = place.control.get_access_point_policy(AccountId=place.alice.account_id, Name="ap1")
    assert place.bob.account_id in shown["Policy"]
    with pytest.raises(botocore.exceptions.ClientError):
        place.s3_bob.get_object(Bucket=point["AccessPointArn"], Key="k")
