"""Listings, against a naive model. Source: S3 User Guide, "Listing object keys programmatically"."""

import random

import pytest

from harness import refused

KEYS = sorted(
    ["a", "a/", "a/1", "a/2/x", "a/2/y", "a0", "b//c", "b//d", "b/c", "ä/1", "ä/2", "日本", "p+q r%20", "z\x01", "z&<>", "~"]
    + [f"n/{i:03}" for i in range(40)],
    key=lambda key: key.encode(),
)


@pytest.fixture(scope="module")
def filled(s3):
    name = "listing-of-many-keys"
    s3.create_bucket(Bucket=name)
    shuffled = KEYS[:]
    random.Random(7).shuffle(shuffled)
    for key in shuffled:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def model(prefix="", delimiter="", after=""):
    """What a listing shows, in order: keys and common prefixes."""
    shown = []
    for key in KEYS:
        if not key.startswith(prefix):
            continue
        item = ("key", key)
        if delimiter and delimiter in key[len(prefix) :]:
            item = ("prefix", prefix + key[len(prefix) :].split(delimiter)[0] + delimiter)
        if item[1].encode() <= after.encode():
            continue
        if item not in shown:
            shown.append(item)
    return shown


def items(page):
    found = [("key", o["Key"]) for o in page.get("Contents", [])]
    found += [("prefix", p["Prefix"]) for p in page.get("CommonPrefixes", [])]
    return sorted(found, key=lambda item: item[1].encode())


@pytest.mark.parametrize("prefix", ["", "a", "a/", "b/", "n/", "ä", "none"])
@pytest.mark.parametrize("delimiter", ["", "/", "//", "0", "x"])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_every_page_of_every_form_agrees_with_the_model(s3, filled, prefix, delimiter, size):
    expected = model(prefix, delimiter)
    if size == 1 and len(expected) > 30:
        size = 7
    found, token = [], None
    while True:
        more = {"ContinuationToken": token} if token else {}
        page = s3.list_objects_v2(Bucket=filled, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, **more)
        assert page["KeyCount"] == len(items(page)) <= size
        found += items(page)
        assert page["IsTruncated"] == ("NextContinuationToken" in page)
        token = page.get("NextContinuationToken")
        if token is None:
            break
    assert found == expected
    found, marker = [], ""
    while True:
        page = s3.list_objects(Bucket=filled, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, Marker=marker)
        found += items(page)
        if not page["IsTruncated"]:
            break
        marker = page.get("NextMarker") or page["Contents"][-1]["Key"]
    assert found == expected


@pytest.mark.smoke
def test_keys_are_in_the_order_of_utf_8_bytes(s3, filled):
    listed = [o["Key"] for o in s3.list_objects_v2(Bucket=filled)["Contents"]]
    assert listed == KEYS
    assert [o["Size"] for o in s3.list_objects_v2(Bucket=filled)["Contents"]] == [len(key.encode()) for key in KEYS]


@pytest.mark.parametrize("after", ["a", "a/2/", "n/005", "ä", "zzz", "~"])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_start_after_and_marker_skip(s3, filled, after, delimiter):
    expected = [item for item in model(delimiter=delimiter) if item[1].encode() > after.encode()]
    first = s3.list_objects(Bucket=filled, Marker=after, Delimiter=delimiter)
    second = s3.list_objects_v2(Bucket=filled, StartAfter=after, Delimiter=delimiter)
    for page in (first, second):
        # AWS does not say whether a common prefix before the start shows when a key of it comes after.
        assert [item for item in items(page) if item[1].encode() > after.encode()] == expected
    assert (first["Marker"], second["StartAfter"]) == (after, after)


def test_max_keys_0_is_an_empty_page(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)
    assert "Contents" not in page


@pytest.mark.parametrize("wrong", ["-1", "x", "99999999999999999999"])
def test_max_keys_must_be_a_number(server, alice, filled, wrong):
    answer = server.signed(alice, "GET", f"/{filled}", [("list-type", "2"), ("max-keys", wrong)])
    assert answer.said() == (400, "InvalidArgument")


def test_max_keys_beyond_1000_are_1000(server, alice, filled):
    answer = server.signed(alice, "GET", f"/{filled}", [("list-type", "2"), ("max-keys", "5000")])
    assert b"<MaxKeys>1000</MaxKeys>" in answer.body


def test_a_token_is_of_its_request(s3, filled):
    token = s3.list_objects_v2(Bucket=filled, Prefix="n/", MaxKeys=1)["NextContinuationToken"]
    assert refused(s3.list_objects_v2, Bucket=filled, Prefix="n/", ContinuationToken=token[:-2] + "xx") == ("InvalidArgument", 400)
    assert refused(s3.list_objects_v2, Bucket=filled, Prefix="a/", ContinuationToken=token) == ("InvalidArgument", 400)
    assert refused(s3.list_objects_v2, Bucket=filled, ContinuationToken="") == ("InvalidArgument", 400)


def test_keys_are_url_encoded_on_demand_only(server, alice, filled):
    answer = server.signed(alice, "GET", f"/{filled}", [("list-type", "2"), ("prefix", "p"), ("encoding-type", "url")])
    assert b"<Key>p%2Bq+r%2520</Key>" in answer.body or b"<Key>p%2Bq%20r%2520</Key>" in answer.body
    assert b"<EncodingType>url</EncodingType>" in answer.body
    answer = server.signed(alice, "GET", f"/{filled}", [("list-type", "2"), ("prefix", "p")])
    assert b"<Key>p+q r%20</Key>" in answer.body and b"EncodingType" not in answer.body
    answer = server.signed(alice, "GET", f"/{filled}", [("list-type", "2"), ("encoding-type", "base64")])
    assert answer.said() == (400, "InvalidArgument")


def test_an_unencoded_listing_shows_markup_as_references(server, alice, filled):
    answer = server.signed(alice, "GET", f"/{filled}", [("prefix", "z")])
    assert b"<Key>z&amp;&lt;&gt;</Key>" in answer.body
    assert b"<Key>z&#x1;</Key>" in answer.body or b"<Key>z&#1;</Key>" in answer.body


def test_the_owner_is_shown_on_demand(s3, filled, alice):
    assert "Owner" not in s3.list_objects_v2(Bucket=filled, MaxKeys=1)["Contents"][0]
    owner = s3.list_objects_v2(Bucket=filled, MaxKeys=1, FetchOwner=True)["Contents"][0]["Owner"]
    assert owner["ID"] == alice.canonical_user_id
    assert s3.list_objects(Bucket=filled, MaxKeys=1)["Contents"][0]["Owner"]["ID"] == alice.canonical_user_id


def test_the_members_of_a_listed_object(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"abc", ChecksumAlgorithm="CRC32C")
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (listed["ETag"], listed["Size"], listed["StorageClass"]) == (put["ETag"], 3, "STANDARD")
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (["CRC32C"], "FULL_OBJECT")
