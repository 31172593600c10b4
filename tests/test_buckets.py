"""Buckets and their configuration, by boto3. Source: Amazon S3 API Reference, each operation's page."""

import pytest

from harness import failure, refused


@pytest.mark.smoke
def test_a_bucket_is_made_found_listed_and_deleted(s3, name, alice):
    made = s3.create_bucket(Bucket=name)
    assert made["Location"] == f"/{name}"
    head = s3.head_bucket(Bucket=name)
    assert head["BucketRegion"] == "us-east-1"
    listed = s3.list_buckets()
    assert name in [bucket["Name"] for bucket in listed["Buckets"]]
    assert listed["Owner"]["ID"] == alice.canonical_user_id
    assert s3.delete_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.head_bucket, Bucket=name) == ("404", 404)
    assert refused(s3.list_objects_v2, Bucket=name) == ("NoSuchBucket", 404)


@pytest.mark.parametrize(
    "wrong", ["ab", "a" * 64, "Upper", "under_score", "192.168.1.1", "-dash", "dash-", "a..b", "xn--b", "b-s3alias", "sthree-b", "b--ol-s3", "amzn-s3-demo-b"]
)
def test_a_bucket_name_against_the_rules_is_refused(server, alice, wrong):
    answer = server.signed(alice, "PUT", f"/{wrong}")
    assert answer.said() == (400, "InvalidBucketName")


def test_making_ones_own_bucket_again_is_told_apart(server, alice, s3, bucket):
    # In us-east-1 it is there as asked for; whoever asks for more, and every other region, is told of the conflict.
    s3.put_object(Bucket=bucket, Key="k", Body=b"stays")
    s3.create_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"stays"
    again = refused(s3.create_bucket, Bucket=bucket, ObjectOwnership="ObjectWriter")
    assert again == ("BucketAlreadyOwnedByYou", 409)
    other = server.client(alice, region="eu-central-1")
    made = bucket + "-eu"
    other.create_bucket(Bucket=made, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    again = refused(other.create_bucket, Bucket=made, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert again == ("BucketAlreadyOwnedByYou", 409)


def test_the_name_of_anothers_bucket_is_taken(s3_bob, bucket):
    assert refused(s3_bob.create_bucket, Bucket=bucket) == ("BucketAlreadyExists", 409)


def test_a_location_constraint_decides_the_region(server, alice, s3, name):
    eu = server.client(alice, region="eu-central-1")
    eu.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert eu.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"
    assert eu.head_bucket(Bucket=name)["BucketRegion"] == "eu-central-1"
    listed = {b["Name"]: b["BucketRegion"] for b in eu.list_buckets(BucketRegion="eu-central-1", MaxBuckets=1000)["Buckets"]}
    assert listed[name] == "eu-central-1"
    assert set(listed.values()) == {"eu-central-1"}


def test_us_east_1_is_the_empty_location(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_a_location_that_is_none_is_refused(s3, name):
    wrong = {"LocationConstraint": "mars-north-1"}
    assert refused(s3.create_bucket, Bucket=name, CreateBucketConfiguration=wrong) == ("InvalidLocationConstraint", 400)


def test_a_location_other_than_the_endpoints_is_refused(server, alice, name):
    eu = server.client(alice, region="eu-central-1")
    assert refused(eu.create_bucket, Bucket=name)[0] in ("IllegalLocationConstraintException",)


def test_buckets_are_listed_by_prefix_in_pages(server, bob, s3_bob, name):
    names = [f"{name}-page-{index}" for index in range(5)]
    for each in names:
        s3_bob.create_bucket(Bucket=each)
    found, token, pages = [], None, 0
    while True:
        more = {"ContinuationToken": token} if token else {}
        page = s3_bob.list_buckets(Prefix=f"{name}-page-", MaxBuckets=2, **more)
        assert page["Prefix"] == f"{name}-page-"
        found += [bucket["Name"] for bucket in page["Buckets"]]
        pages += 1
        token = page.get("ContinuationToken")
        if token is None:
            break
    assert found == names
    assert pages == 3


def test_a_bucket_with_objects_is_not_deleted(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)


def test_a_bucket_with_noncurrent_versions_is_not_deleted(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"")
    s3.delete_object(Bucket=versioned, Key="k")
    assert refused(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)


@pytest.mark.smoke
@pytest.mark.parametrize(
    "operation, code",
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_policy_status", "NoSuchBucketPolicy"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
    ],
)
def test_an_absent_configuration_has_its_own_code(s3, bucket, operation, code):
    assert refused(getattr(s3, operation), Bucket=bucket) == (code, 404)
    assert refused(getattr(s3, operation), Bucket=bucket + "-none") == ("NoSuchBucket", 404)


@pytest.mark.parametrize(
    "operation",
    [
        "get_bucket_inventory_configuration",
        "get_bucket_metrics_configuration",
        "get_bucket_analytics_configuration",
        "get_bucket_intelligent_tiering_configuration",
    ],
)
def test_an_absent_configuration_by_id_has_one_code(s3, bucket, operation):
    assert refused(getattr(s3, operation), Bucket=bucket, Id="none") == ("NoSuchConfiguration", 404)


@pytest.mark.parametrize(
    "operation, member",
    [
        ("list_bucket_inventory_configurations", "InventoryConfigurationList"),
        ("list_bucket_metrics_configurations", "MetricsConfigurationList"),
        ("list_bucket_analytics_configurations", "AnalyticsConfigurationList"),
        ("list_bucket_intelligent_tiering_configurations", "IntelligentTieringConfigurationList"),
    ],
)
def test_configurations_that_nobody_made_are_an_empty_list(s3, bucket, operation, member):
    answer = getattr(s3, operation)(Bucket=bucket)
    assert answer["IsTruncated"] is False
    assert member not in answer


@pytest.mark.parametrize(
    "operation, member",
    [
        ("get_bucket_logging", "LoggingEnabled"),
        ("get_bucket_versioning", "Status"),
        ("get_bucket_accelerate_configuration", "Status"),
        ("get_bucket_notification_configuration", "TopicConfigurations"),
    ],
)
def test_an_unset_member_is_missing_from_the_answer(s3, bucket, operation, member):
    assert member not in getattr(s3, operation)(Bucket=bucket)


@pytest.mark.smoke
def test_a_new_bucket_has_the_secure_defaults(s3, bucket, alice):
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True)
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    controls = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert controls == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert acl["Owner"]["ID"] == alice.canonical_user_id
    assert [(g["Grantee"]["ID"], g["Permission"]) for g in acl["Grants"]] == [(alice.canonical_user_id, "FULL_CONTROL")]
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"


def test_tags_of_a_bucket_are_kept_replaced_and_deleted(s3, bucket):
    first = [{"Key": "team", "Value": "blau + grün @ 1"}, {"Key": "b", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": first})
    assert sorted(s3.get_bucket_tagging(Bucket=bucket)["TagSet"], key=str) == sorted(first, key=str)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "c", "Value": "d"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "c", "Value": "d"}]
    assert s3.delete_bucket_tagging(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
        [{"Key": "aws:reserved", "Value": "1"}],
        [{"Key": "k" * 129, "Value": "1"}],
        [{"Key": "a", "Value": "v" * 257}],
    ],
)
def test_tags_against_the_rules_are_refused(s3, bucket, tags):
    code, status = refused(s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": tags})
    assert (code, status) == ("InvalidTag", 400)


def test_a_bucket_has_at_most_50_tags(s3, bucket):
    tags = [{"Key": f"k{index}", "Value": "v"} for index in range(51)]
    assert refused(s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": tags})[1] == 400
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags[:50]})
    assert len(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]) == 50


def test_tags_given_at_creation_are_there(s3, name):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": [{"Key": "made", "Value": "here"}]})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "made", "Value": "here"}]


def test_s3_control_sees_the_tags_of_a_bucket(server, alice, s3, bucket):
    control = server.client(alice, "s3control", host="s3.localhost")
    arn = f"arn:aws:s3:::{bucket}"
    control.tag_resource(AccountId=alice.account_id, ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    control.tag_resource(AccountId=alice.account_id, ResourceArn=arn, Tags=[{"Key": "b", "Value": "3"}])
    tags = {tag["Key"]: tag["Value"] for tag in control.list_tags_for_resource(AccountId=alice.account_id, ResourceArn=arn)["Tags"]}
    assert tags == {"a": "1", "b": "3"}
    control.untag_resource(AccountId=alice.account_id, ResourceArn=arn, TagKeys=["a"])
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "b", "Value": "3"}]


def test_the_public_access_block_is_stored_and_deleted(s3, bucket):
    wanted = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=wanted)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == wanted
    s3.delete_public_access_block(Bucket=bucket)
    assert refused(s3.get_public_access_block, Bucket=bucket) == ("NoSuchPublicAccessBlockConfiguration", 404)


def test_ownership_controls_are_stored_and_deleted(s3, bucket):
    wanted = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=wanted)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == wanted
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert refused(s3.get_bucket_ownership_controls, Bucket=bucket) == ("OwnershipControlsNotFoundError", 404)


def test_ownership_given_at_creation_is_there(s3, name):
    s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerPreferred")
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0]["ObjectOwnership"] == "BucketOwnerPreferred"


def test_encryption_is_stored_and_deleting_it_gives_the_default(s3, bucket):
    wanted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=wanted)
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    s3.delete_bucket_encryption(Bucket=bucket)
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_a_website_is_stored_as_given(s3, bucket):
    wanted = {
        "IndexDocument": {"Suffix": "index.html"},
        "ErrorDocument": {"Key": "error.html"},
        "RoutingRules": [
            {"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": {"ReplaceKeyPrefixWith": "documents/"}}
        ],
    }
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=wanted)
    answer = s3.get_bucket_website(Bucket=bucket)
    assert {name: answer[name] for name in wanted} == wanted
    s3.delete_bucket_website(Bucket=bucket)
    assert refused(s3.get_bucket_website, Bucket=bucket) == ("NoSuchWebsiteConfiguration", 404)


@pytest.mark.parametrize("wrong", [{}, {"IndexDocument": {"Suffix": "a/b"}}])
def test_a_website_against_the_rules_is_refused(s3, bucket, wrong):
    assert refused(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=wrong)[1] == 400


def test_setting_an_acl_is_refused_where_acls_are_off(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert refused(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", ACL="private") == ("AccessControlListNotSupported", 400)
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="bucket-owner-full-control")


def test_private_is_accepted_when_a_bucket_is_made(s3, name):
    s3.create_bucket(Bucket=name, ACL="private")
    assert refused(s3.create_bucket, Bucket=name + "-p", ACL="public-read")[1] == 400


def test_the_acl_of_an_object_is_its_owners_full_control(s3, bucket, alice):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    acl = s3.get_object_acl(Bucket=bucket, Key="k")
    assert [(g["Grantee"]["ID"], g["Permission"]) for g in acl["Grants"]] == [(alice.canonical_user_id, "FULL_CONTROL")]
    assert refused(s3.get_object_acl, Bucket=bucket, Key="none") == ("NoSuchKey", 404)


def test_an_operation_that_is_not_built_says_so(s3, bucket):
    answer = failure(s3.put_bucket_inventory_configuration, Bucket=bucket, Id="i", InventoryConfiguration={
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::d", "Format": "CSV"}},
        "IsEnabled": True, "Id": "i", "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"}})
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("NotImplemented", 501)


CORS = {
    "CORSRules": [
        {
            "ID": "one",
            "AllowedOrigins": ["https://*.example.com"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["x-amz-*", "content-type"],
            "ExposeHeaders": ["ETag", "x-amz-request-id"],
            "MaxAgeSeconds": 3000,
        },
        {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
    ]
}


def preflight(server, bucket, origin="https://www.example.com", method="PUT", headers="x-amz-meta-a, Content-Type"):
    sent = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        sent["Access-Control-Request-Headers"] = headers
    return server.http("OPTIONS", f"/{bucket}/some/key", sent)


def test_cors_rules_are_stored_as_given(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == CORS["CORSRules"]
    s3.delete_bucket_cors(Bucket=bucket)
    assert refused(s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)


def test_a_preflight_that_a_rule_allows_is_answered(server, s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
    answer = preflight(server, bucket)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://www.example.com"
    assert {m.strip() for m in answer.headers["Access-Control-Allow-Methods"].split(",")} == {"GET", "PUT"}
    allowed = {h.strip().lower() for h in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed == {"x-amz-meta-a", "content-type"}
    assert answer.headers["Access-Control-Max-Age"] == "3000"
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "change", [{"origin": "https://example.com.evil.test"}, {"method": "DELETE"}, {"headers": "x-other"}]
)
def test_a_preflight_that_no_rule_allows_is_denied(server, s3, bucket, change):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
    answer = preflight(server, bucket, **change)
    assert answer.said() == (403, "AccessForbidden")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_without_cors_is_denied(server, bucket):
    assert preflight(server, bucket).said() == (403, "AccessForbidden")


def test_an_actual_request_gets_the_rules_headers(server, alice, s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = server.signed(alice, "GET", f"/{bucket}/k", headers={"Origin": "https://a.example.com"})
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert "etag" in answer.headers["Access-Control-Expose-Headers"].lower()
    stranger = server.signed(alice, "GET", f"/{bucket}/k", headers={"Origin": "https://evil.test"})
    assert "Access-Control-Allow-Origin" not in stranger.headers


@pytest.mark.parametrize(
    "rule",
    [
        {"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]},
        {"AllowedOrigins": ["http://*.a.*"], "AllowedMethods": ["GET"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedHeaders": ["*a*"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["x-*"]},
    ],
)
def test_a_cors_rule_against_the_rules_is_refused(s3, bucket, rule):
    assert refused(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [rule]}) in (
        ("InvalidRequest", 400),
        ("MalformedXML", 400),
    )


def test_the_expected_owner_is_checked(s3, bucket, bob, alice):
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=alice.account_id)
    assert refused(s3.get_bucket_tagging, Bucket=bucket, ExpectedBucketOwner=bob.account_id) == ("AccessDenied", 403)


def test_the_caller_is_told_who_it_is(server, alice, bob):
    for account in (alice, bob):
        identity = server.client(account, "sts").get_caller_identity()
        assert identity["Account"] == account.account_id
        assert identity["Arn"] == f"arn:aws:iam::{account.account_id}:root"
