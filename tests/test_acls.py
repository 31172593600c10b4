"""Access control lists, Object Ownership, and what Block Public Access does to them, by boto3.

Source: S3 User Guide, "Access control list (ACL) overview", "Controlling ownership of objects and disabling ACLs for your
bucket", "Blocking public access to your Amazon S3 storage"; S3 API Reference, "PutBucketAcl", "PutObjectAcl".
"""

import itertools
import json
import os

import botocore
import botocore.exceptions
import pytest

from harness import Server, path_and_query, presign, refused

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
SWITCHES = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]

_numbers = itertools.count()


class World:
    """A server whose new buckets have lists, with two accounts and nobody."""

    def __init__(self, home):
        self.server = Server(home, extra=["--new-buckets", "before-april-2023"]).start()
        self.alice, self.bob = self.server.root, self.server.create_account("bob@example.com")
        self.s3 = self.server.client(self.alice)
        self.callers = {
            "owner": self.s3,
            "other": self.server.client(self.bob),
            "anonymous": self.server.client(None, signature_version=botocore.UNSIGNED),
        }
        self.bobs, self.nobody = self.callers["other"], self.callers["anonymous"]

    def bucket(self, **options):
        name = f"acl-{os.getpid()}-{next(_numbers)}"
        self.s3.create_bucket(Bucket=name, **options)
        return name

    def ownership(self, bucket, rule):
        self.s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": rule}]})

    def block(self, bucket, *switches):
        settings = {switch: switch in switches for switch in SWITCHES}
        self.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=settings)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("acls"))
    yield world
    assert world.server.stop() == 0


def grants(answer):
    """Who may what, in order."""
    return [(each["Grantee"].get("ID") or each["Grantee"]["URI"], each["Permission"]) for each in answer["Grants"]]


def document(owner, *entries):
    """A list as a document: an owner, and pairs of a canonical id, group or address with a permission."""

    def grantee(name):
        if "@" in name:
            return {"Type": "AmazonCustomerByEmail", "EmailAddress": name}
        return {"Type": "Group", "URI": name} if name.startswith("http") else {"Type": "CanonicalUser", "ID": name}

    listed = [{"Grantee": grantee(name), "Permission": permission} for name, permission in entries]
    return {"Owner": {"ID": owner}, "Grants": listed}


def allowed(call, **arguments):
    """Whether a call is let through; anything but a denial must not happen."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return False
    return True


# What a canned list lets others do: to the bucket, and to the object.
MAY = {
    "private": {"other": set(), "anonymous": set()},
    "public-read": {"other": {"read"}, "anonymous": {"read"}},
    "public-read-write": {"other": {"read", "write"}, "anonymous": {"read", "write"}},
    "authenticated-read": {"other": {"read"}, "anonymous": set()},
}


@pytest.mark.parametrize("bucket_acl", MAY)
@pytest.mark.parametrize("object_acl", MAY)
def test_canned_lists_let_through_what_they_say_and_nothing_else(world, bucket_acl, object_acl):
    bucket = world.bucket(ACL=bucket_acl)
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"alice's", ACL=object_acl)
    for who, s3 in world.callers.items():
        own = who == "owner"
        on_bucket = {"read", "write"} if own else MAY[bucket_acl][who]
        on_object = {"read", "write"} if own else MAY[object_acl][who]
        expected = {
            "ListObjectsV2": "read" in on_bucket,
            "ListObjectVersions": "read" in on_bucket,
            "ListMultipartUploads": "read" in on_bucket,
            "HeadBucket": "read" in on_bucket,
            "GetObject": "read" in on_object,
            "HeadObject": "read" in on_object,
            "PutObject": "write" in on_bucket,
            "PutObjectTagging": own,
            "GetObjectTagging": own,
            "DeleteObject": own,
            "GetObjectAcl": own,
            "GetBucketAcl": own,
            "PutObjectAcl": own,
            "PutBucketAcl": own,
            "GetBucketLocation": own,
        }
        found = {
            "ListObjectsV2": allowed(s3.list_objects_v2, Bucket=bucket),
            "ListObjectVersions": allowed(s3.list_object_versions, Bucket=bucket),
            "ListMultipartUploads": allowed(s3.list_multipart_uploads, Bucket=bucket),
            "HeadBucket": allowed(s3.head_bucket, Bucket=bucket),
            "GetObject": allowed(s3.get_object, Bucket=bucket, Key="k"),
            "HeadObject": allowed(s3.head_object, Bucket=bucket, Key="k"),
            "PutObject": allowed(s3.put_object, Bucket=bucket, Key=f"new-{who}", Body=b"x"),
            "PutObjectTagging": allowed(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": []}),
            "GetObjectTagging": allowed(s3.get_object_tagging, Bucket=bucket, Key="k"),
            "DeleteObject": own or allowed(s3.delete_object, Bucket=bucket, Key="k"),
            "GetObjectAcl": allowed(s3.get_object_acl, Bucket=bucket, Key="k"),
            "GetBucketAcl": allowed(s3.get_bucket_acl, Bucket=bucket),
            "PutObjectAcl": own or allowed(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read"),
            "PutBucketAcl": own or allowed(s3.put_bucket_acl, Bucket=bucket, ACL="public-read"),
            "GetBucketLocation": allowed(s3.get_bucket_location, Bucket=bucket),
        }
        assert found == expected, who


@pytest.mark.parametrize("permission", ["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"])
def test_each_permission_on_a_bucket_lets_its_grantee_do_its_part(world, permission):
    bucket = world.bucket()
    alice, bob = world.alice.canonical_user_id, world.bob.canonical_user_id
    listed = document(alice, (alice, "FULL_CONTROL"), (bob, permission))
    world.s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=listed)
    assert grants(world.s3.get_bucket_acl(Bucket=bucket)) == [(alice, "FULL_CONTROL"), (bob, permission)]
    found = {
        "READ": allowed(world.bobs.list_objects_v2, Bucket=bucket),
        "WRITE": allowed(world.bobs.put_object, Bucket=bucket, Key="k", Body=b""),
        "READ_ACP": allowed(world.bobs.get_bucket_acl, Bucket=bucket),
        "WRITE_ACP": allowed(world.bobs.put_bucket_acl, Bucket=bucket, AccessControlPolicy=listed),
    }
    assert found == {each: permission in (each, "FULL_CONTROL") for each in found}
    assert not allowed(world.nobody.list_objects_v2, Bucket=bucket)


@pytest.mark.parametrize("permission", ["READ", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"])
def test_each_permission_on_a_version_lets_its_grantee_do_its_part(world, permission):
    bucket = world.bucket()
    world.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    alice, bob = world.alice.canonical_user_id, world.bob.canonical_user_id
    listed = document(alice, (alice, "FULL_CONTROL"), (bob, permission))
    old = {"Bucket": bucket, "Key": "k", "VersionId": world.s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]}
    new = {"Bucket": bucket, "Key": "k", "VersionId": world.s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]}
    world.s3.put_object_acl(**old, AccessControlPolicy=listed)
    assert grants(world.s3.get_object_acl(**old)) == [(alice, "FULL_CONTROL"), (bob, permission)]
    assert grants(world.s3.get_object_acl(**new)) == [(alice, "FULL_CONTROL")]
    for version, applies in ((old, True), (new, False), ({"Bucket": bucket, "Key": "k"}, False)):
        found = {
            "READ": allowed(world.bobs.get_object, **version),
            "READ_ACP": allowed(world.bobs.get_object_acl, **version),
            "WRITE_ACP": allowed(world.bobs.put_object_acl, **version, AccessControlPolicy=listed),
        }
        assert found == {each: applies and permission in (each, "FULL_CONTROL") for each in found}


def test_lists_come_in_headers_by_id_address_and_group_and_are_given_back(world):
    bucket, bob = world.bucket(), world.bob.canonical_user_id
    world.s3.put_bucket_acl(
        Bucket=bucket,
        GrantRead=f'uri="{SIGNED_USERS}", id={bob}',
        GrantWrite=f'uri="{LOG_DELIVERY}"',
        GrantFullControl='emailAddress="bob@example.com"',
    )
    expected = [(SIGNED_USERS, "READ"), (bob, "READ"), (LOG_DELIVERY, "WRITE"), (bob, "FULL_CONTROL")]
    assert grants(world.s3.get_bucket_acl(Bucket=bucket)) == expected
    # The owner has no entry, and stays the owner.
    world.s3.list_objects_v2(Bucket=bucket)
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"", GrantReadACP='emailAddress="BOB@example.com"')
    assert grants(world.s3.get_object_acl(Bucket=bucket, Key="k")) == [(bob, "READ_ACP")]
    made = world.bucket(GrantRead=f"id={bob}")
    assert grants(world.s3.get_bucket_acl(Bucket=made)) == [(bob, "READ")]
    alice = world.alice.canonical_user_id
    both = document(alice, (alice, "FULL_CONTROL"), ("bob@example.com", "WRITE"), (ALL_USERS, "READ_ACP"))
    world.s3.put_bucket_acl(Bucket=made, AccessControlPolicy=both)
    expected = [(alice, "FULL_CONTROL"), (bob, "WRITE"), (ALL_USERS, "READ_ACP")]
    assert grants(world.s3.get_bucket_acl(Bucket=made)) == expected


def test_what_is_wrong_with_a_list_is_said_by_its_code(world):
    bucket, alice = world.bucket(), world.alice.canonical_user_id
    nobody = "ab" * 32

    def code(**asked):
        return refused(world.s3.put_bucket_acl, Bucket=bucket, **asked)

    def of(*entries, owner=alice):
        return code(AccessControlPolicy=document(owner, *entries))

    assert code(ACL="private", GrantRead=f"id={alice}") == ("InvalidRequest", 400)
    assert code(ACL="private", AccessControlPolicy=document(alice)) == ("UnexpectedContent", 400)
    assert code(GrantRead=f"id={alice}", AccessControlPolicy=document(alice)) == ("UnexpectedContent", 400)
    assert code() == ("MissingSecurityHeader", 400)
    assert code(GrantRead="id") == ("InvalidArgument", 400)
    assert code(GrantRead='uri="http://example.com"') == ("InvalidArgument", 400)
    assert code(GrantRead=f"id={nobody}") == ("InvalidArgument", 400)
    assert code(GrantRead='emailAddress="nobody@example.com"') == ("UnresolvableGrantByEmailAddress", 400)
    assert of((nobody, "READ")) == ("InvalidArgument", 400)
    assert of(("_foo", "READ")) == ("InvalidArgument", 400)
    assert of(("nobody@example.com", "READ")) == ("UnresolvableGrantByEmailAddress", 400)
    assert of((alice, "READ"), owner=world.bob.canonical_user_id) == ("AccessDenied", 403)
    assert of(*[(alice, "READ")] * 101) == ("MalformedACLError", 400)
    assert of((alice, "READWRITE")) == ("MalformedACLError", 400)
    assert code(ACL="log-delivery")[1] == 400
    assert grants(world.s3.get_bucket_acl(Bucket=bucket)) == [(alice, "FULL_CONTROL")]
    assert refused(world.s3.put_object, Bucket=bucket, Key="k", Body=b"", ACL="private", GrantRead=f"id={alice}") == (
        "InvalidRequest",
        400,
    )
    assert refused(world.s3.put_object_acl, Bucket=bucket, Key="none", ACL="private") == ("NoSuchKey", 404)


def test_log_delivery_may_be_let_in_by_its_canned_list(world):
    bucket, alice = world.bucket(), world.alice.canonical_user_id
    # Its name is in the guide and not in the SDKs' models.
    answer = world.server.signed(world.alice, "PUT", f"/{bucket}", [("acl", "")], {"x-amz-acl": "log-delivery-write"})
    assert answer.status == 200, answer
    expected = [(alice, "FULL_CONTROL"), (LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")]
    assert grants(world.s3.get_bucket_acl(Bucket=bucket)) == expected


def test_records_tell_where_a_list_alone_let_a_request_through(world):
    bucket = world.bucket(ACL="public-read")
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")

    def required(answer):
        (event,) = world.server.events_of(answer["ResponseMetadata"]["RequestId"])
        return event["additionalEventData"].get("aclRequired")

    for s3 in (world.nobody, world.bobs):
        assert required(s3.get_object(Bucket=bucket, Key="k")) == "Yes"
        assert required(s3.list_objects_v2(Bucket=bucket)) == "Yes"
    assert required(world.s3.get_object(Bucket=bucket, Key="k")) is None
    assert required(world.s3.list_objects_v2(Bucket=bucket)) is None
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
    world.s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert required(world.nobody.get_object(Bucket=bucket, Key="k")) is None


def owners(world, bucket):
    return {each["Key"]: each["Owner"]["ID"] for each in world.s3.list_objects(Bucket=bucket)["Contents"]}


def test_under_object_writer_an_object_is_its_writers_and_the_buckets_owner_may_only_delete_it(world):
    bucket, alice, bob = world.bucket(ACL="public-read-write"), world.alice.canonical_user_id, world.bob.canonical_user_id
    world.bobs.put_object(Bucket=bucket, Key="k", Body=b"bob's")
    world.s3.put_object(Bucket=bucket, Key="own", Body=b"alice's")
    assert owners(world, bucket) == {"k": bob, "own": alice}
    fetched = world.s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"]
    assert [each["Owner"]["ID"] for each in fetched] == [bob, alice]
    assert [each["Owner"]["ID"] for each in world.s3.list_object_versions(Bucket=bucket)["Versions"]] == [bob, alice]
    assert world.bobs.get_object(Bucket=bucket, Key="k")["Body"].read() == b"bob's"
    for call in (world.s3.get_object, world.s3.head_object, world.s3.get_object_acl):
        assert refused(call, Bucket=bucket, Key="k")[1] == 403
    assert refused(world.s3.put_object_acl, Bucket=bucket, Key="k", ACL="private") == ("AccessDenied", 403)
    source = {"Bucket": bucket, "Key": "k"}
    assert refused(world.s3.copy_object, Bucket=bucket, Key="copy", CopySource=source) == ("AccessDenied", 403)
    assert refused(world.bobs.delete_object, Bucket=bucket, Key="own") == ("AccessDenied", 403)
    # Its writer lets the bucket's owner read it, then takes that back.
    world.bobs.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-read")
    answer = world.s3.get_object(Bucket=bucket, Key="k")
    assert answer["Body"].read() == b"bob's"
    assert grants(world.bobs.get_object_acl(Bucket=bucket, Key="k")) == [(bob, "FULL_CONTROL"), (alice, "READ")]
    world.bobs.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    assert world.s3.get_object_acl(Bucket=bucket, Key="k")["Owner"]["ID"] == bob
    # A policy of the bucket lets nobody read what is not its owner's, and can deny it.
    world.bobs.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    world.s3.put_bucket_policy(Bucket=bucket, Policy=statement("Allow", "s3:GetObject", bucket))
    assert world.nobody.get_object(Bucket=bucket, Key="own")["Body"].read() == b"alice's"
    assert refused(world.nobody.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    world.s3.put_bucket_policy(Bucket=bucket, Policy=statement("Deny", "s3:GetObject", bucket))
    assert refused(world.bobs.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    world.s3.delete_bucket_policy(Bucket=bucket)
    world.s3.delete_object(Bucket=bucket, Key="k")
    world.bobs.put_object(Bucket=bucket, Key="k", Body=b"again")
    world.bobs.delete_object(Bucket=bucket, Key="k")
    assert owners(world, bucket) == {"own": alice}


def statement(effect, action, bucket):
    return (
        f'{{"Version": "2012-10-17", "Statement": [{{"Effect": "{effect}", "Principal": "*", "Action": "{action}", '
        f'"Resource": "arn:aws:s3:::{bucket}/*"}}]}}'
    )


def test_under_bucket_owner_preferred_what_is_given_to_the_buckets_owner_is_his(world):
    bucket, alice, bob = world.bucket(ACL="public-read-write"), world.alice.canonical_user_id, world.bob.canonical_user_id
    world.ownership(bucket, "BucketOwnerPreferred")
    world.bobs.put_object(Bucket=bucket, Key="given", Body=b"x", ACL="bucket-owner-full-control")
    world.bobs.put_object(Bucket=bucket, Key="kept", Body=b"x")
    world.bobs.put_object(Bucket=bucket, Key="lent", Body=b"x", GrantFullControl=f"id={alice}")
    assert owners(world, bucket) == {"given": alice, "kept": bob, "lent": bob}
    assert grants(world.s3.get_object_acl(Bucket=bucket, Key="given")) == [(alice, "FULL_CONTROL")]
    assert refused(world.bobs.get_object, Bucket=bucket, Key="given") == ("AccessDenied", 403)
    assert world.s3.get_object(Bucket=bucket, Key="lent")["Body"].read() == b"x"


def test_a_policy_that_lets_others_write_lets_them_set_their_objects_lists(world):
    bucket, alice, bob = world.bucket(), world.alice.canonical_user_id, world.bob.canonical_user_id
    world.s3.put_bucket_policy(Bucket=bucket, Policy=statement("Allow", "s3:PutObject", bucket))
    world.bobs.put_object(Bucket=bucket, Key="k", Body=b"x", GrantFullControl=f"id={alice}")
    assert grants(world.s3.get_object_acl(Bucket=bucket, Key="k")) == [(alice, "FULL_CONTROL")]
    assert owners(world, bucket) == {"k": bob}
    assert refused(world.nobody.put_object, Bucket=bucket, Key="n", Body=b"x", ACL="public-read")[1] == 403
    world.ownership(bucket, "BucketOwnerEnforced")
    world.bobs.put_object(Bucket=bucket, Key="k", Body=b"y", ACL="bucket-owner-full-control")
    assert owners(world, bucket) == {"k": alice}


def test_under_bucket_owner_enforced_lists_are_off_and_come_back_with_another_setting(world):
    bucket, alice, bob = world.bucket(), world.alice.canonical_user_id, world.bob.canonical_user_id
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    world.s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    world.bobs.put_object(Bucket=bucket, Key="b", Body=b"bob's")
    refusal = refused(world.s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=enforced)
    assert refusal == ("InvalidBucketAclWithObjectOwnership", 400)
    world.s3.put_bucket_acl(Bucket=bucket, ACL="private")
    world.s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    assert owners(world, bucket) == {"b": alice, "k": alice}
    for key in ("b", "k"):
        answer = world.s3.get_object_acl(Bucket=bucket, Key=key)
        assert (answer["Owner"]["ID"], grants(answer)) == (alice, [(alice, "FULL_CONTROL")])
        assert world.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        assert refused(world.nobody.get_object, Bucket=bucket, Key=key) == ("AccessDenied", 403)
        assert refused(world.bobs.get_object, Bucket=bucket, Key=key) == ("AccessDenied", 403)
    off = ("AccessControlListNotSupported", 400)
    assert refused(world.s3.put_bucket_acl, Bucket=bucket, ACL="private") == off
    for acl in ("private", "public-read", "bucket-owner-read"):
        assert refused(world.s3.put_object, Bucket=bucket, Key="n", Body=b"", ACL=acl) == off
        assert refused(world.s3.put_object_acl, Bucket=bucket, Key="k", ACL=acl) == off
        assert refused(world.s3.create_multipart_upload, Bucket=bucket, Key="n", ACL=acl) == off
        assert refused(world.s3.copy_object, Bucket=bucket, Key="n", CopySource=f"{bucket}/k", ACL=acl) == off
    world.s3.put_object(Bucket=bucket, Key="n", Body=b"", ACL="bucket-owner-full-control")
    world.s3.put_object(Bucket=bucket, Key="n", Body=b"", GrantFullControl=f"id={alice}")
    world.s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=document(alice, (alice, "FULL_CONTROL")))
    assert refused(
        world.s3.put_object_acl, Bucket=bucket, Key="k", AccessControlPolicy=document(alice, (bob, "READ"))
    ) == off
    world.s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert owners(world, bucket) == {"b": bob, "k": alice, "n": alice}
    assert world.nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(world.s3.get_object, Bucket=bucket, Key="b") == ("AccessDenied", 403)


def test_new_buckets_of_today_take_no_list(s3, name, alice):
    wrong = ("InvalidBucketAclWithObjectOwnership", 400)
    for acl in ("public-read", "public-read-write", "authenticated-read"):
        assert refused(s3.create_bucket, Bucket=name, ACL=acl) == wrong
        blocked = refused(s3.create_bucket, Bucket=name, ACL=acl, ObjectOwnership="ObjectWriter")
        assert blocked == ("InvalidBucketAclWithBlockPublicAccessError", 400)
    assert refused(s3.create_bucket, Bucket=name, GrantRead=f'uri="{LOG_DELIVERY}"') == wrong
    s3.create_bucket(Bucket=name, ACL="private")
    assert grants(s3.get_bucket_acl(Bucket=name)) == [(alice.canonical_user_id, "FULL_CONTROL")]


def test_block_public_acls_refuses_new_public_lists_and_leaves_stored_ones(world):
    bucket = world.bucket(ACL="public-read")
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    world.block(bucket, "BlockPublicAcls")
    denied = ("AccessDenied", 403)
    for acl in ("public-read", "public-read-write", "authenticated-read"):
        assert refused(world.s3.put_bucket_acl, Bucket=bucket, ACL=acl) == denied
        assert refused(world.s3.put_object_acl, Bucket=bucket, Key="k", ACL=acl) == denied
        assert refused(world.s3.put_object, Bucket=bucket, Key="n", Body=b"", ACL=acl) == denied
        assert refused(world.s3.create_multipart_upload, Bucket=bucket, Key="n", ACL=acl) == denied
        assert refused(world.s3.copy_object, Bucket=bucket, Key="n", CopySource=f"{bucket}/k", ACL=acl) == denied
    assert refused(world.s3.put_object, Bucket=bucket, Key="n", Body=b"", GrantRead=f'uri="{ALL_USERS}"') == denied
    world.s3.put_object(Bucket=bucket, Key="n", Body=b"", ACL="private")
    world.s3.put_object(Bucket=bucket, Key="n", Body=b"", GrantRead=f"id={world.bob.canonical_user_id}")
    assert allowed(world.nobody.get_object, Bucket=bucket, Key="k")
    assert allowed(world.nobody.list_objects, Bucket=bucket)


def test_ignore_public_acls_makes_public_entries_count_for_nothing_and_hides_them(world):
    bucket, alice, bob = world.bucket(ACL="public-read"), world.alice.canonical_user_id, world.bob.canonical_user_id
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", GrantRead=f'uri="{ALL_USERS}", id={bob}')
    assert allowed(world.nobody.get_object, Bucket=bucket, Key="k")
    world.block(bucket, "IgnorePublicAcls")
    assert not allowed(world.nobody.get_object, Bucket=bucket, Key="k")
    assert not allowed(world.nobody.list_objects, Bucket=bucket)
    assert not allowed(world.bobs.list_objects, Bucket=bucket)
    assert allowed(world.bobs.get_object, Bucket=bucket, Key="k")
    assert grants(world.s3.get_bucket_acl(Bucket=bucket)) == [(alice, "FULL_CONTROL")]
    assert grants(world.s3.get_object_acl(Bucket=bucket, Key="k")) == [(bob, "READ")]
    world.s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    assert not allowed(world.nobody.put_object, Bucket=bucket, Key="n", Body=b"")
    assert refused(world.s3.get_bucket_policy_status, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    world.s3.delete_public_access_block(Bucket=bucket)
    assert allowed(world.nobody.list_objects, Bucket=bucket)
    # The account's block adds to the bucket's.
    control = world.server.client(world.alice, "s3control", host="s3.localhost")
    everything = dict.fromkeys(SWITCHES, True)
    control.put_public_access_block(AccountId=world.alice.account_id, PublicAccessBlockConfiguration=everything)
    try:
        assert not allowed(world.nobody.list_objects, Bucket=bucket)
        assert not allowed(world.nobody.get_object, Bucket=bucket, Key="k")
        assert refused(world.s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == ("AccessDenied", 403)
        assert refused(world.s3.create_bucket, Bucket=f"{bucket}-p", ACL="public-read") == ("AccessDenied", 403)
    finally:
        control.delete_public_access_block(AccountId=world.alice.account_id)


def test_who_may_not_list_is_not_told_what_is_not_there(world):
    closed, listed = world.bucket(), world.bucket(ACL="public-read")
    assert refused(world.nobody.get_object, Bucket=closed, Key="none") == ("AccessDenied", 403)
    assert refused(world.nobody.get_object, Bucket=listed, Key="none") == ("NoSuchKey", 404)
    assert refused(world.bobs.head_object, Bucket=closed, Key="none")[1] == 403
    assert refused(world.bobs.head_object, Bucket=listed, Key="none")[1] == 404


def test_copies_and_uploads_in_parts_have_the_list_and_owner_that_they_began_with(world):
    bucket, alice, bob = world.bucket(ACL="public-read-write"), world.alice.canonical_user_id, world.bob.canonical_user_id
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    world.s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert grants(world.s3.get_object_acl(Bucket=bucket, Key="copy")) == [(alice, "FULL_CONTROL")]
    world.s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", ACL="authenticated-read")
    assert grants(world.s3.get_object_acl(Bucket=bucket, Key="copy")) == [(alice, "FULL_CONTROL"), (SIGNED_USERS, "READ")]
    upload = world.bobs.create_multipart_upload(Bucket=bucket, Key="parts", ACL="public-read")["UploadId"]
    part = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    assert [each["Owner"]["ID"] for each in world.s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [bob]
    begun = world.s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    theirs = part | {"UploadId": begun}
    for call in (world.bobs.list_parts, world.bobs.abort_multipart_upload):
        assert refused(call, **theirs) == ("AccessDenied", 403)
    world.s3.abort_multipart_upload(**theirs)
    given_up = part | {"UploadId": world.bobs.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]}
    assert world.bobs.list_parts(**given_up)["Initiator"]["ID"] == bob
    world.bobs.abort_multipart_upload(**given_up)
    etag = world.bobs.upload_part(**part, PartNumber=1, Body=b"part")["ETag"]
    assert world.s3.list_parts(**part)["Owner"]["ID"] == bob
    world.bobs.complete_multipart_upload(**part, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    answer = world.bobs.get_object_acl(Bucket=bucket, Key="parts")
    assert (answer["Owner"]["ID"], grants(answer)) == (bob, [(bob, "FULL_CONTROL"), (ALL_USERS, "READ")])
    assert world.nobody.get_object(Bucket=bucket, Key="parts")["Body"].read() == b"part"


def test_setting_a_list_leaves_the_object_as_it_is(world):
    bucket = world.bucket()
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "b"}, Tagging="t=v")
    before = world.s3.get_object(Bucket=bucket, Key="k")
    world.s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    world.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "t", "Value": "w"}]})
    after = world.nobody.get_object(Bucket=bucket, Key="k")
    for each in ("LastModified", "ETag", "Metadata", "ContentType"):
        assert after[each] == before[each]


def test_presigned_requests_are_held_to_lists_as_others_are(world):
    bucket = world.bucket()
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="authenticated-read")
    world.s3.put_object(Bucket=bucket, Key="private", Body=b"x")

    def get(account, key):
        path = f"/{bucket}/{key}"
        host = {"Host": world.server.authority()}
        query = presign(account, "GET", path, [], host, region=world.server.region)
        return world.server.http("GET", path_and_query(path, query)).status

    assert (get(world.bob, "k"), get(world.bob, "private"), get(world.alice, "private")) == (200, 403, 200)


def test_an_expected_owner_that_is_not_the_owner_is_refused_whoever_asks(world):
    bucket = world.bucket(ACL="public-read-write")
    wrong = world.bob.account_id
    for s3 in world.callers.values():
        assert refused(s3.list_objects, Bucket=bucket, ExpectedBucketOwner=wrong) == ("AccessDenied", 403)
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", ExpectedBucketOwner=wrong) == ("AccessDenied", 403)


def test_a_browser_may_read_what_is_public_from_the_origins_that_the_bucket_names(world):
    bucket = world.bucket(ACL="public-read")
    rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://app.example"]}]}
    world.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)
    world.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    answer = world.server.http("GET", f"/{bucket}/k", {"Origin": "https://app.example"})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")
    answer = world.server.http("GET", f"/{bucket}/k", {"Origin": "https://else.example"})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, None)
