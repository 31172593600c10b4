"""Bucket policies, by boto3 and by callers without credentials.

Source: S3 User Guide, "Bucket policies for Amazon S3", "Blocking public access"; IAM User Guide, "Policy evaluation logic".
"""

import concurrent.futures
import json
import threading

import botocore.exceptions
import pytest

from harness import failure, refused


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(bucket, action, *, effect="Allow", principal="*", objects=True, **more):
    resource = f"arn:aws:s3:::{bucket}/*" if objects else f"arn:aws:s3:::{bucket}"
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **more}


@pytest.fixture
def put(s3, bucket):
    """Sets the bucket's policy to these statements."""
    return lambda *statements: s3.put_bucket_policy(Bucket=bucket, Policy=policy(*statements))


@pytest.fixture
def open_account(server, alice):
    """An account whose Block Public Access is off while a test runs."""
    control = server.client(alice, "s3control", host="s3.localhost")
    control.delete_public_access_block(AccountId=alice.account_id)
    yield
    on = dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True)
    control.put_public_access_block(AccountId=alice.account_id, PublicAccessBlockConfiguration=on)


@pytest.fixture
def unblocked(s3, bucket, open_account):
    """A bucket that may be made public."""
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"for everybody")
    return bucket


def test_a_policy_is_given_back_as_it_was_put(s3, bucket, bob):
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id})]}, indent=3)
    assert s3.put_bucket_policy(Bucket=bucket, Policy=text)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    assert s3.delete_bucket_policy(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    assert refused(s3.get_bucket_policy_status, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    assert s3.delete_bucket_policy(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_another_account_may_what_the_policy_grants_it_and_no_more(s3, s3_bob, bob, bucket, put):
    s3.put_object(Bucket=bucket, Key="k", Body=b"shared")
    assert refused(s3_bob.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}))
    assert s3_bob.get_object(Bucket=bucket, Key="k")["Body"].read() == b"shared"
    assert refused(s3_bob.put_object, Bucket=bucket, Key="k", Body=b"") == ("AccessDenied", 403)
    assert refused(s3_bob.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)
    assert refused(s3_bob.delete_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    s3.delete_bucket_policy(Bucket=bucket)
    assert refused(s3_bob.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)


def test_an_explicit_deny_holds_for_the_owner_too(s3, bucket, put):
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    put(statement(bucket, "s3:DeleteObject", effect="Deny", Sid="NobodyDeletes"))
    denied = failure(s3.delete_object, Bucket=bucket, Key="k")
    assert denied["Error"]["Code"] == "AccessDenied"
    assert "with an explicit deny in a resource-based policy" in denied["Error"]["Message"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def test_the_root_user_can_always_take_a_policy_away(s3, bucket, put):
    everything = statement(bucket, "s3:*", effect="Deny")
    everything["Resource"] = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    put(everything)
    assert refused(s3.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)
    assert "Deny" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_public_policy_is_refused_while_public_access_is_blocked(s3, bucket, put):
    denied = failure(put, statement(bucket, "s3:GetObject", Sid="Everybody"))
    assert (denied["Error"]["Code"], denied["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDenied", 403)
    assert "BlockPublicPolicy" in denied["Error"]["Message"]
    assert "Everybody" in denied["Error"]["Message"]
    assert refused(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


def test_a_public_policy_opens_a_bucket_once_nothing_blocks_it(server, s3, s3_bob, unblocked, put):
    assert server.http("GET", f"/{unblocked}/k").said() == (403, "AccessDenied")
    put(statement(unblocked, "s3:GetObject"))
    assert s3.get_bucket_policy_status(Bucket=unblocked)["PolicyStatus"] == {"IsPublic": True}
    assert server.http("GET", f"/{unblocked}/k").body == b"for everybody"
    assert s3_bob.get_object(Bucket=unblocked, Key="k")["Body"].read() == b"for everybody"
    assert server.http("GET", f"/{unblocked}").said() == (403, "AccessDenied")
    assert server.http("PUT", f"/{unblocked}/new", body=b"x").said() == (403, "AccessDenied")


def test_restricting_public_buckets_keeps_a_public_policy_within_the_account(server, s3, s3_bob, bob, unblocked, put):
    put(statement(unblocked, "s3:GetObject"), statement(unblocked, "s3:GetObject", principal={"AWS": bob.account_id}))
    s3.put_public_access_block(Bucket=unblocked, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert server.http("GET", f"/{unblocked}/k").said() == (403, "AccessDenied")
    # Also what a statement grants that is not public.
    assert refused(s3_bob.get_object, Bucket=unblocked, Key="k") == ("AccessDenied", 403)
    assert s3.get_object(Bucket=unblocked, Key="k")["Body"].read() == b"for everybody"


def test_the_block_of_the_account_holds_for_its_buckets(server, alice, s3, unblocked, put):
    put(statement(unblocked, "s3:GetObject"))
    assert server.http("GET", f"/{unblocked}/k").status == 200
    control = server.client(alice, "s3control", host="s3.localhost")
    control.put_public_access_block(AccountId=alice.account_id, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True, "BlockPublicPolicy": True})
    assert server.http("GET", f"/{unblocked}/k").said() == (403, "AccessDenied")
    assert refused(put, statement(unblocked, "s3:GetObject")) == ("AccessDenied", 403)


def test_nobody_known_may_upload_and_delete_where_a_policy_says_so(server, s3, unblocked, put):
    put(statement(unblocked, ["s3:PutObject", "s3:DeleteObject"]))
    assert server.http("PUT", f"/{unblocked}/new", body=b"from a stranger").status == 200
    assert s3.get_object(Bucket=unblocked, Key="new")["Body"].read() == b"from a stranger"
    assert server.http("GET", f"/{unblocked}/new").said() == (403, "AccessDenied")
    assert server.http("DELETE", f"/{unblocked}/new").status == 204
    assert refused(s3.get_object, Bucket=unblocked, Key="new") == ("NoSuchKey", 404)


def test_what_is_not_there_is_a_secret_to_those_who_may_not_list(s3, s3_bob, bob, bucket, put):
    read = statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id})
    put(read)
    assert refused(s3_bob.get_object, Bucket=bucket, Key="none") == ("AccessDenied", 403)
    assert refused(s3_bob.head_object, Bucket=bucket, Key="none") == ("403", 403)
    put(read, statement(bucket, "s3:ListBucket", principal={"AWS": bob.account_id}, objects=False))
    assert refused(s3_bob.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refused(s3_bob.head_object, Bucket=bucket, Key="none") == ("404", 404)


def test_each_key_of_many_is_decided_on_its_own(s3, s3_bob, bob, bucket, put):
    for key in ("mine/1", "yours/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    yours = statement(bucket, "s3:DeleteObject", principal={"AWS": bob.account_id})
    yours["Resource"] = f"arn:aws:s3:::{bucket}/yours/*"
    put(yours)
    answer = s3_bob.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "mine/1"}, {"Key": "yours/1"}]})
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["yours/1"]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("mine/1", "AccessDenied")]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["mine/1"]


def test_a_copy_needs_its_source_and_its_destination(s3, s3_bob, bob, bucket, name, put):
    s3.put_object(Bucket=bucket, Key="k", Body=b"copied")
    own = f"{name}-bob"
    s3_bob.create_bucket(Bucket=own)
    source = {"Bucket": bucket, "Key": "k"}
    assert refused(s3_bob.copy_object, Bucket=own, Key="k", CopySource=source) == ("AccessDenied", 403)
    put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}))
    s3_bob.copy_object(Bucket=own, Key="k", CopySource=source)
    assert s3_bob.get_object(Bucket=own, Key="k")["Body"].read() == b"copied"
    assert refused(s3.get_object, Bucket=own, Key="k") == ("AccessDenied", 403)


CONDITIONS = [
    ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
    ({"Bool": {"aws:SecureTransport": "true"}}, {"Bool": {"aws:SecureTransport": "false"}}),
    ({"NumericGreaterThanEquals": {"s3:TlsVersion": "1.2"}}, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
    ({"StringEquals": {"s3:authType": "REST-HEADER"}}, {"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}),
    ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, {"StringEquals": {"s3:signatureversion": "AWS"}}),
    ({"NumericLessThan": {"s3:signatureAge": "600000"}}, {"NumericGreaterThan": {"s3:signatureAge": "600000"}}),
    ({"StringLike": {"aws:UserAgent": "*Botocore*"}}, {"StringLike": {"aws:UserAgent": "curl*"}}),
    ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
    ({"StringEquals": {"s3:ExistingObjectTag/team": "red"}}, {"StringEquals": {"s3:ExistingObjectTag/team": "blue"}}),
    ({"StringEquals": {"aws:PrincipalType": "Account"}}, {"StringEquals": {"aws:PrincipalType": "User"}}),
    ({"Null": {"aws:MultiFactorAuthPresent": "true"}}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}),
    ({"Null": {"aws:Referer": "true"}}, {"StringLike": {"aws:Referer": "https://example.com/*"}}),
]


@pytest.mark.parametrize("holds, fails", CONDITIONS, ids=[next(iter(next(iter(holds.values())))) for holds, _ in CONDITIONS])
def test_a_condition_is_asked_of_what_the_gate_knows(s3, s3_bob, bob, bucket, put, holds, fails):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="team=red")
    put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}, Condition=fails))
    assert refused(s3_bob.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}, Condition=holds))
    assert s3_bob.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_plain_http_is_refused_where_a_policy_demands_tls(s3, s3_plain, bucket, put):
    put(statement(bucket, "s3:*", effect="Deny", objects=False, Condition={"Bool": {"aws:SecureTransport": "false"}}))
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert refused(s3_plain.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)


def test_a_listing_is_bound_to_its_prefix(s3_bob, bob, bucket, put):
    home = {"StringLike": {"s3:prefix": "home/bob/*"}}
    put(statement(bucket, "s3:ListBucket", principal={"AWS": bob.account_id}, objects=False, Condition=home))
    assert s3_bob.list_objects_v2(Bucket=bucket, Prefix="home/bob/")["KeyCount"] == 0
    assert refused(s3_bob.list_objects_v2, Bucket=bucket, Prefix="home/") == ("AccessDenied", 403)
    assert refused(s3_bob.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)


def test_an_upload_is_bound_to_its_tags_and_headers(s3_bob, bob, bucket, put):
    bound = {"StringEquals": {"s3:RequestObjectTag/team": "red", "s3:x-amz-storage-class": "STANDARD_IA"}}
    put(statement(bucket, ["s3:PutObject", "s3:PutObjectTagging"], principal={"AWS": bob.account_id}, Condition=bound))
    right = dict(Bucket=bucket, Body=b"", Tagging="team=red", StorageClass="STANDARD_IA")
    s3_bob.put_object(Key="k", **right)
    assert refused(s3_bob.put_object, Key="k", **{**right, "Tagging": "team=blue"}) == ("AccessDenied", 403)
    assert refused(s3_bob.put_object, Key="k", **{**right, "StorageClass": "STANDARD"}) == ("AccessDenied", 403)
    assert refused(s3_bob.put_object, Bucket=bucket, Key="k", Body=b"") == ("AccessDenied", 403)


def test_a_header_called_as_a_condition_key_is_none(server, bob, bucket, put):
    put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}, Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}}))
    for header in ("aws:PrincipalTag/team", "aws-principaltag-team", "x-amz-principal-tag-team"):
        answer = server.signed(bob, "GET", f"/{bucket}/k", headers={header.replace(":", "-").replace("/", "-"): "red"})
        assert answer.said() == (403, "AccessDenied")


MALFORMED = {
    "no JSON": "{",
    "no statement": '{"Version":"2012-10-17"}',
    "no principal": '{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::BUCKET/*"}]}',
    "another bucket": '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::other-bucket/*"}]}',
    "all buckets": '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"s3:GetObject","Resource":"*"}]}',
    "an action that is none": '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"s3:FetchObject","Resource":"arn:aws:s3:::BUCKET/*"}]}',
    "an action of another service": '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"iam:GetUser","Resource":"arn:aws:s3:::BUCKET/*"}]}',
    "an action of the bucket on objects": '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::BUCKET/*"}]}',
    "an effect that is none": '{"Statement":[{"Effect":"Permit","Principal":{"AWS":"BOB"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::BUCKET/*"}]}',
    "an operator that is none": '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::BUCKET/*","Condition":{"StringSame":{"aws:Referer":"x"}}}]}',
    "a version that is none": '{"Version":"2020-01-01","Statement":[{"Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::BUCKET/*"}]}',
    "too long": '{"Statement":[{"Sid":"' + "x" * 20480 + '","Effect":"Allow","Principal":{"AWS":"BOB"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::BUCKET/*"}]}',
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_a_policy_that_is_none_is_refused_and_changes_nothing(s3, bucket, bob, text):
    text = text.replace("BUCKET", bucket).replace("BOB", bob.account_id)
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=text) == ("MalformedPolicy", 400)
    assert refused(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


def test_who_may_not_put_a_policy_learns_nothing_of_it(s3_bob, bucket):
    assert refused(s3_bob.put_bucket_policy, Bucket=bucket, Policy="{") == ("AccessDenied", 403)
    assert refused(s3_bob.get_bucket_policy, Bucket=bucket) == ("AccessDenied", 403)


def test_a_decision_is_recorded_with_the_statement_that_made_it(server, s3, s3_bob, bob, bucket, put):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}, Sid="BobReads"))
    answer = s3_bob.get_object(Bucket=bucket, Key="k")
    event = server.events_of(answer["ResponseMetadata"]["RequestId"])[0]
    assert event["userIdentity"]["accountId"] == bob.account_id
    assert event.get("errorCode") is None


def test_requests_go_on_while_a_policy_comes_and_goes(s3, s3_bob, bob, bucket, put):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    ended = threading.Event()
    wrong = []

    def read():
        while not ended.is_set():
            if s3.get_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] != 200:
                wrong.append("the owner")
            try:
                s3_bob.get_object(Bucket=bucket, Key="k")
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "AccessDenied":
                    wrong.append(error)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        for _ in range(60):
            put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}))
            s3.delete_bucket_policy(Bucket=bucket)
        ended.set()
        for reader in readers:
            reader.result()
    assert not wrong


def test_a_bucket_that_is_deleted_takes_its_policy_with_it(s3, s3_bob, bob, bucket, put):
    put(statement(bucket, "s3:GetObject", principal={"AWS": bob.account_id}))
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert refused(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3_bob.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
