"""s3fs, the fsspec file system over aiobotocore."""

import fsspec
import s3fs

from common import ACCESS_KEY, BODY, BUCKET, CA, ENDPOINT, KEPT, MIB, ODD, OTHER_CA, REGION, SECRET_KEY, UNTRUSTED
from common import agree, done, fails, same


def connect(ca):
    return fsspec.filesystem(
        "s3",
        key=ACCESS_KEY,
        secret=SECRET_KEY,
        endpoint_url=ENDPOINT,
        client_kwargs={"verify": ca},
        # Not in client_kwargs: from there s3fs makes us-east-1 a location constraint, which AWS too refuses.
        config_kwargs={"region_name": REGION, "s3": {"addressing_style": "path"}, "retries": {"total_max_attempts": 1}},
        default_block_size=5 * MIB,
        skip_instance_cache=True,
        use_listings_cache=False,
    )


fails("another authority", lambda: connect(OTHER_CA).ls(""), *UNTRUSTED)
s3 = connect(CA)
assert isinstance(s3, s3fs.S3FileSystem)
s3.mkdir(BUCKET)
agree("buckets", BUCKET in s3.ls(""), True)


def path(key):
    return f"{BUCKET}/{key}"


def keys(prefix=""):
    return [found.removeprefix(f"{BUCKET}/") for found in s3.find(f"{BUCKET}/{prefix}")]


# Written through a file, in parts where it is more than a block; read whole and in ranges.
for key, body in KEPT.items():
    with s3.open(path(key), "wb", Metadata={"colour": "blue"}) as file:
        for at in range(0, len(body), 3 * MIB):
            file.write(body[at : at + 3 * MIB])
    same(key, s3.cat_file(path(key)), body)
    agree("size", s3.size(path(key)), len(body))
    # An empty file is made by touch, which forgets the metadata.
    agree(f"metadata of {key}", s3.metadata(path(key)), {"colour": "blue"} if body else {})
with s3.open(path("kept/big"), "rb") as file:
    file.seek(5 * MIB - 5)
    same("range", file.read(10), BODY[5 * MIB - 5 : 5 * MIB + 5])
    file.seek(-10, 2)
    same("end", file.read(), BODY[-10:])
parts = s3.cat_ranges([path("kept/big")] * 3, [0, MIB, 20 * MIB], [10, MIB + 10, 20 * MIB + 3])
same("ranges", b"".join(parts), BODY[:10] + BODY[MIB : MIB + 10] + BODY[20 * MIB :])

# pipe and cat of many keys at once: concurrent requests of one event loop.
s3.pipe({path(key): key.encode() for key in ODD})
agree("odd keys", keys("odd/"), sorted(ODD))
plain = [key for key in ODD if not set(key) & set("*?[]")]
agree("odd bodies", s3.cat([path(key) for key in plain]), {path(key): key.encode() for key in plain})
for key in set(ODD) - set(plain):  # to cat, patterns
    same(key, s3.cat_file(path(key)), key.encode())
agree("glob", s3.glob(path("odd/*.hidden")), [path("odd/.hidden")])
agree("folders", sorted(s3.ls(BUCKET, detail=False)), [path("kept"), path("odd")])
s3.copy(path(ODD[1]), path("copied"))
same("copy", s3.cat_file(path("copied")), ODD[1].encode())
s3.mv(path("copied"), path("moved"))
agree("moved", (s3.exists(path("copied")), s3.exists(path("moved"))), (False, True))
with s3.open(path("moved"), "ab") as file:
    file.write(b" and more")
same("appended", s3.cat_file(path("moved")), ODD[1].encode() + b" and more")
s3.rm([path("odd"), path("moved")], recursive=True)
fails("deleted", lambda: s3.cat_file(path("moved")), "FileNotFound")
agree("left", keys(), sorted(KEPT))
done()
