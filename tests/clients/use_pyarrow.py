"""pyarrow's S3 file system: the AWS SDK for C++."""

import concurrent.futures

import pyarrow
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from common import ACCESS_KEY, BODY, BUCKET, CA, HOST, KEPT, MIB, ODD, OTHER_CA, REGION, SECRET_KEY, UNTRUSTED
from common import agree, done, fails, same


def connect(ca):
    return pyarrow.fs.S3FileSystem(
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        region=REGION,
        endpoint_override=HOST,
        scheme="https",
        tls_ca_file_path=ca,
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
        retry_strategy=pyarrow.fs.AwsStandardS3RetryStrategy(max_attempts=1),
    )


def path(key):
    return f"{BUCKET}/{key}"


def put(key, body, **options):
    with s3.open_output_stream(path(key), **options) as stream:
        for at in range(0, len(body), 3 * MIB):
            stream.write(body[at : at + 3 * MIB])


def get(key):
    with s3.open_input_stream(path(key)) as stream:
        return stream.read()


def keys(prefix, recursive=True):
    found = s3.get_file_info(pyarrow.fs.FileSelector(path(prefix) if prefix else BUCKET, recursive=recursive))
    return sorted(info.path.removeprefix(f"{BUCKET}/") for info in found if info.is_file)


fails("another authority", lambda: connect(OTHER_CA).get_file_info(pyarrow.fs.FileSelector("")), *UNTRUSTED)
s3 = connect(CA)
s3.create_dir(BUCKET)
agree("buckets", BUCKET in [info.path for info in s3.get_file_info(pyarrow.fs.FileSelector(""))], True)
for key, body in KEPT.items():
    put(key, body, metadata={"Content-Type": "text/x-test"})
    same(key, get(key), body)
    info = s3.get_file_info(path(key))
    agree("size", (info.type, info.size), (pyarrow.fs.FileType.File, len(body)))
with s3.open_input_file(path("kept/big")) as file:
    same("range", file.read_at(10, 5 * MIB - 5), BODY[5 * MIB - 5 : 5 * MIB + 5])
    file.seek(20 * MIB)
    same("end", file.read(), BODY[20 * MIB :])
    agree("type", file.metadata()["Content-Type"], b"text/x-test")


def put_and_get(key):
    put(key, key.encode())
    same(key, get(key), key.encode())


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(put_and_get, ODD))
agree("odd keys", keys("odd"), sorted(ODD))
s3.copy_file(path(ODD[2]), path("copied"))
same("copy", get("copied"), ODD[2].encode())
s3.move(path("copied"), path("moved"))
agree("moved", keys("", recursive=False), ["moved"])
s3.delete_file(path("moved"))
fails("deleted", lambda: get("moved"), "FileNotFound")
s3.delete_dir(path("odd"))

# A partitioned dataset: many small objects, read back by footer and by column with ranged reads.
table = pyarrow.table({"year": [2024, 2025, 2026] * 1000, "value": list(range(3000)), "text": ["ü" * 9] * 3000})
partition = pyarrow.dataset.partitioning(pyarrow.schema([("year", pyarrow.int64())]), flavor="hive")
pyarrow.dataset.write_dataset(table, path("data set"), filesystem=s3, format="parquet", partitioning=partition)
agree("files", len(keys("data set")), 3)
back = pyarrow.dataset.dataset(path("data set"), filesystem=s3, format="parquet", partitioning=partition)
agree("rows", back.to_table().sort_by("value").select(table.column_names), table)
filtered = back.to_table(columns=["value"], filter=pyarrow.dataset.field("year") == 2025)
agree("filtered", sorted(filtered["value"].to_pylist()), list(range(1, 3000, 3)))
s3.delete_dir(path("data set"))
agree("left", keys(""), sorted(KEPT))
done()
