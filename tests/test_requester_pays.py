"""Buckets whose requesters pay: whoever is not of the bucket's account says so, and is somebody."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import Account, failure, path_and_query, presign, refused

DENIED = ("AccessDenied", 403)
PAYS = {"RequestPayer": "requester"}


@pytest.fixture
def paid(s3, bob, name):
    """A bucket that everybody may reach, whose requesters pay; what is done there is bob's to pay."""
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    resources = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    statement = {"Effect": "Allow", "Principal": {"AWS": bob.account_id}, "Action": "s3:*", "Resource": resources}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(document))
    s3.put_object(Bucket=name, Key="k", Body=b"value", Tagging="a=1")
    pays(s3, name)
    return name


def pays(s3, bucket, payer="Requester"):
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": payer})


def charged(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-request-charged")


#: Calls of every kind on the bucket and its object that can say who pays.
CALLS = {
    "get_object": {"Key": "k"},
    "head_object": {"Key": "k"},
    "get_object_attributes": {"Key": "k", "ObjectAttributes": ["ETag"]},
    "get_object_acl": {"Key": "k"},
    "get_object_tagging": {"Key": "k"},
    "put_object_tagging": {"Key": "k", "Tagging": {"TagSet": []}},
    "list_objects": {},
    "list_objects_v2": {},
    "list_object_versions": {},
    "list_multipart_uploads": {},
    "put_object": {"Key": "new", "Body": b"x"},
    "create_multipart_upload": {"Key": "new"},
    "delete_object": {"Key": "k"},
}


@pytest.mark.parametrize("call", CALLS)
def test_who_does_not_say_that_he_pays_is_refused(s3, s3_bob, paid, call):
    arguments = {"Bucket": paid} | CALLS[call]
    code, status = refused(getattr(s3_bob, call), **arguments)
    assert status == 403 and code in ("AccessDenied", "403"), code
    answer = getattr(s3_bob, call)(**arguments, **PAYS)
    assert charged(answer) == "requester"
    if "Key" in arguments and call != "delete_object":
        assert charged(getattr(s3, call)(**arguments)) is None


def test_a_refusal_changes_nothing(s3, s3_bob, paid):
    assert refused(s3_bob.put_object, Bucket=paid, Key="k", Body=b"other") == DENIED
    assert refused(s3_bob.delete_object, Bucket=paid, Key="k") == DENIED
    delete = {"Objects": [{"Key": "k"}]}
    assert refused(s3_bob.delete_objects, Bucket=paid, Delete=delete) == DENIED
    assert s3.get_object(Bucket=paid, Key="k")["Body"].read() == b"value"
    answer = s3_bob.delete_objects(Bucket=paid, Delete=delete, **PAYS)
    assert (charged(answer), [each["Key"] for each in answer["Deleted"]]) == ("requester", ["k"])


def test_the_owners_users_pay_as_the_owner(server, s3, alice, paid):
    assert charged(s3.get_object(Bucket=paid, Key="k")) is None
    assert charged(s3.get_object(Bucket=paid, Key="k", **PAYS)) is None
    iam = server.client(alice, "iam")
    iam.create_user(UserName=paid)
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{paid}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName=paid, PolicyName="reads", PolicyDocument=document)
    key = iam.create_access_key(UserName=paid)["AccessKey"]
    user = Account(alice.account_id, alice.canonical_user_id, key["AccessKeyId"], key["SecretAccessKey"])
    assert charged(server.client(user).get_object(Bucket=paid, Key="k")) is None


def test_nobody_is_anonymous_there(server, s3, alice, name):
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    control = server.client(alice, "s3control", host="s3.localhost")
    before = control.get_public_access_block(AccountId=alice.account_id)["PublicAccessBlockConfiguration"]
    control.delete_public_access_block(AccountId=alice.account_id)
    try:
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
        s3.put_object(Bucket=name, Key="k", Body=b"open")
        assert server.http("GET", f"/{name}/k").body == b"open"
        pays(s3, name)
        assert server.http("GET", f"/{name}/k").said() == (403, "AccessDenied")
        assert server.http("GET", f"/{name}/k", {"x-amz-request-payer": "requester"}).said() == (403, "AccessDenied")
        pays(s3, name, "BucketOwner")
        assert server.http("GET", f"/{name}/k").body == b"open"
    finally:
        control.put_public_access_block(AccountId=alice.account_id, PublicAccessBlockConfiguration=before)


def test_a_copy_from_there_is_paid_for(s3_bob, paid, name):
    target = f"{name}-target"
    s3_bob.create_bucket(Bucket=target)
    copy = {"Bucket": target, "Key": "copied", "CopySource": {"Bucket": paid, "Key": "k"}}
    assert refused(s3_bob.copy_object, **copy) == DENIED
    assert charged(s3_bob.copy_object(**copy, **PAYS)) == "requester"


def test_an_upload_in_parts_is_paid_for(s3_bob, paid):
    where = {"Bucket": paid, "Key": "parts"}
    assert refused(s3_bob.create_multipart_upload, **where) == DENIED
    upload = s3_bob.create_multipart_upload(**where, **PAYS)["UploadId"]
    part = where | {"UploadId": upload, "PartNumber": 1}
    assert refused(s3_bob.upload_part, **part, Body=b"part") == DENIED
    tag = s3_bob.upload_part(**part, Body=b"part", **PAYS)["ETag"]
    listed = s3_bob.list_parts(**where, UploadId=upload, **PAYS)
    assert [part["ETag"] for part in listed["Parts"]] == [tag]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    assert refused(s3_bob.complete_multipart_upload, **where, UploadId=upload, MultipartUpload=parts) == DENIED
    done = s3_bob.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts, **PAYS)
    assert charged(done) == "requester"


@pytest.mark.parametrize("signed", ["in the query", "as a header"])
def test_a_presigned_url_says_who_pays(server, bob, paid, signed):
    """SDKs put it into the query or leave it to be sent with the URL, signed."""
    host = {"Host": server.authority()}
    header = {"x-amz-request-payer": "requester"}
    query, headers = ([*header.items()], {}) if signed == "in the query" else ([], header)
    query = presign(bob, "GET", f"/{paid}/k", query, host | headers, region=server.region)
    answer = server.http("GET", path_and_query(f"/{paid}/k", query), host | headers)
    assert (answer.status, answer.headers["x-amz-request-charged"]) == (200, "requester"), answer.body
    bare = presign(bob, "GET", f"/{paid}/k", [], host, region=server.region)
    assert server.http("GET", path_and_query(f"/{paid}/k", bare), host).said() == (403, "AccessDenied")


def test_another_value_is_no_promise(server, bob, paid):
    for value in ("owner", "", "true"):
        answer = server.signed(bob, "GET", f"/{paid}/k", headers={"x-amz-request-payer": value})
        assert answer.status in (400, 403), value


def test_who_may_not_reach_the_bucket_learns_nothing(server, s3, paid):
    stranger = server.client(server.create_account(f"{paid}@example.com"))
    said = failure(stranger.get_object, Bucket=paid, Key="k")["Error"]
    told = failure(stranger.get_object, Bucket=paid, Key="k", **PAYS)["Error"]
    assert said["Message"] == told["Message"]
    assert "pay" not in said["Message"].replace(paid, "")


def test_the_setting_is_the_owners(s3, s3_bob, name):
    s3.create_bucket(Bucket=name)
    assert s3.get_bucket_request_payment(Bucket=name)["Payer"] == "BucketOwner"
    assert refused(pays, s3_bob, name) == DENIED
    pays(s3, name)
    assert s3.get_bucket_request_payment(Bucket=name)["Payer"] == "Requester"
    with pytest.raises(ClientError, match="MalformedXML"):
        pays(s3, name, "Nobody")


def test_the_record_says_why(server, bob, paid):
    answer = server.signed(bob, "GET", f"/{paid}/k")
    [event] = server.events_of(answer.headers["x-amz-request-id"])
    assert (event["errorCode"], event["eventName"]) == ("AccessDenied", "GetObject")
