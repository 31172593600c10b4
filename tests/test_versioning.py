"""Versions, null versions and delete markers. Source: S3 User Guide, "Retaining multiple versions of objects"."""

import pytest

from harness import failure, refused


def suspend(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def enable(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def read(s3, bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def test_the_state_is_stored(s3, bucket):
    enable(s3, bucket)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    suspend(s3, bucket)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    wrong = {"Status": "Enabled", "MFADelete": "Enabled"}
    assert refused(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=wrong)[1] in (400, 403, 501)


@pytest.mark.smoke
def test_every_version_stays_readable(s3, versioned):
    versions = [s3.put_object(Bucket=versioned, Key="k", Body=str(i).encode())["VersionId"] for i in range(5)]
    assert len(set(versions)) == 5
    for number, version in enumerate(versions):
        assert read(s3, versioned, "k", VersionId=version) == str(number).encode()
    got = s3.get_object(Bucket=versioned, Key="k")
    assert (got["VersionId"], got["Body"].read()) == (versions[-1], b"4")
    listed = s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [v["VersionId"] for v in listed] == versions[::-1]
    assert [v["IsLatest"] for v in listed] == [True, False, False, False, False]


def test_a_delete_leaves_a_marker(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    deleted = s3.delete_object(Bucket=versioned, Key="k")
    assert deleted["DeleteMarker"] is True
    marker = deleted["VersionId"]
    answer = failure(s3.get_object, Bucket=versioned, Key="k")
    assert answer["Error"]["Code"] == "NoSuchKey"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker)
    assert failure(s3.head_object, Bucket=versioned, Key="k")["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    answer = failure(s3.get_object, Bucket=versioned, Key="k", VersionId=marker)
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("MethodNotAllowed", 405)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"
    assert "last-modified" in headers
    assert headers["allow"] == "DELETE"
    assert failure(s3.head_object, Bucket=versioned, Key="k", VersionId=marker)["ResponseMetadata"]["HTTPStatusCode"] == 405
    assert read(s3, versioned, "k", VersionId=version) == b"x"
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    listed = s3.list_object_versions(Bucket=versioned)
    assert [m["VersionId"] for m in listed["DeleteMarkers"]] == [marker]
    assert listed["DeleteMarkers"][0]["IsLatest"] is True and listed["Versions"][0]["IsLatest"] is False


def test_deleting_a_marker_restores_the_object(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    removed = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (removed["DeleteMarker"], removed["VersionId"]) == (True, marker)
    assert read(s3, versioned, "k") == b"x"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=versioned)["Contents"]] == ["k"]


def test_deleting_the_current_version_uncovers_the_one_below(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"1")
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"22")["VersionId"]
    removed = s3.delete_object(Bucket=versioned, Key="k", VersionId=second)
    assert removed["VersionId"] == second and "DeleteMarker" not in removed
    assert read(s3, versioned, "k") == b"1"
    assert s3.list_objects_v2(Bucket=versioned)["Contents"][0]["Size"] == 1
    assert s3.head_object(Bucket=versioned, Key="k")["ContentLength"] == 1


def test_a_version_that_is_not_there_says_so(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=version)
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId=version) == ("NoSuchVersion", 404)
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId="not-an-id") == ("InvalidArgument", 400)
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId="") == ("InvalidArgument", 400)
    assert s3.delete_object(Bucket=versioned, Key="k", VersionId=version)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_what_was_there_before_versioning_is_the_null_version(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    assert "VersionId" not in s3.head_object(Bucket=bucket, Key="k")
    enable(s3, bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"new")["VersionId"]
    assert read(s3, bucket, "k", VersionId="null") == b"old"
    assert [v["VersionId"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]] == [new, "null"]


def test_a_suspended_bucket_writes_the_null_version_over_itself(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"kept")["VersionId"]
    suspend(s3, versioned)
    for body in (b"null 1", b"null 2"):
        put = s3.put_object(Bucket=versioned, Key="k", Body=body)
        assert put.get("VersionId", "null") == "null"
    assert [v["VersionId"] for v in s3.list_object_versions(Bucket=versioned)["Versions"]] == ["null", kept]
    assert read(s3, versioned, "k") == b"null 2"
    deleted = s3.delete_object(Bucket=versioned, Key="k")
    assert (deleted["DeleteMarker"], deleted["VersionId"]) == (True, "null")
    listed = s3.list_object_versions(Bucket=versioned)
    assert [v["VersionId"] for v in listed["Versions"]] == [kept]
    assert [m["VersionId"] for m in listed["DeleteMarkers"]] == ["null"]
    enable(s3, versioned)
    latest = s3.put_object(Bucket=versioned, Key="k", Body=b"after")["VersionId"]
    assert latest not in ("null", kept)
    assert read(s3, versioned, "k") == b"after"


def test_tags_belong_to_a_version(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1", Tagging="a=1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"]
    assert s3.get_object_tagging(Bucket=versioned, Key="k", VersionId=first)["TagSet"] == [{"Key": "a", "Value": "1"}]
    answer = s3.put_object_tagging(Bucket=versioned, Key="k", VersionId=first, Tagging={"TagSet": []})
    assert answer["VersionId"] == first
    assert s3.get_object_tagging(Bucket=versioned, Key="k")["VersionId"] == second


def test_versions_are_listed_in_pages_across_keys(s3, versioned):
    expected = []
    for key in ("a", "b/1", "b/2", "c"):
        versions = [s3.put_object(Bucket=versioned, Key=key, Body=b"")["VersionId"] for _ in range(3)]
        versions.append(s3.delete_object(Bucket=versioned, Key=key)["VersionId"])
        expected += [(key, version) for version in reversed(versions)]
    found, more = [], {}
    while True:
        page = s3.list_object_versions(Bucket=versioned, MaxKeys=3, **more)
        items = page.get("Versions", []) + page.get("DeleteMarkers", [])
        assert len(items) <= 3
        found += [(item["Key"], item["VersionId"]) for item in items]
        if not page["IsTruncated"]:
            break
        more = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert sorted(found) == sorted(expected)
    assert len(found) == len(set(found))
    grouped = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [p["Prefix"] for p in grouped["CommonPrefixes"]] == ["b/"]
    assert {v["Key"] for v in grouped["Versions"]} == {"a", "c"}
