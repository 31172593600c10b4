"""boto3, of whichever version runs this."""

import concurrent.futures
import io

import boto3
import boto3.s3.transfer
import botocore.config
import botocore.exceptions

from common import ACCESS_KEY, BODY, BUCKET, CA, ENDPOINT, KEPT, MIB, ODD, OTHER_CA, REGION, SECRET_KEY, UNTRUSTED
from common import agree, done, fails, same


def connect(ca):
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        verify=ca,
        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


fails("another authority", connect(OTHER_CA).list_buckets, *UNTRUSTED)
s3 = connect(CA)
s3.create_bucket(Bucket=BUCKET)
parts = boto3.s3.transfer.TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)


def get(key, **options):
    return s3.get_object(Bucket=BUCKET, Key=key, **options)["Body"].read()


def keys(**options):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 7}, **options)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


for key, body in KEPT.items():
    s3.upload_fileobj(io.BytesIO(body), BUCKET, key, ExtraArgs={"Metadata": {"colour": "blue"}}, Config=parts)
    back = io.BytesIO()
    s3.download_fileobj(BUCKET, key, back, Config=parts)
    same(key, back.getvalue(), body)
    head = s3.head_object(Bucket=BUCKET, Key=key)
    agree("size and metadata", (head["ContentLength"], head["Metadata"]), (len(body), {"colour": "blue"}))
agree("parts", s3.head_object(Bucket=BUCKET, Key="kept/big")["ETag"].strip('"').split("-")[1:], ["5"])
same("range", get("kept/big", Range=f"bytes={5 * MIB - 5}-{5 * MIB + 4}"), BODY[5 * MIB - 5 : 5 * MIB + 5])
same("suffix", get("kept/big", Range="bytes=-10"), BODY[-10:])

for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
    try:
        s3.put_object(Bucket=BUCKET, Key="checksum", Body=BODY[:9000], ChecksumAlgorithm=algorithm)
    except botocore.exceptions.MissingDependencyException:
        continue  # CRC32C and CRC64NVME are awscrt's, which not every venv has
    same(algorithm, get("checksum", ChecksumMode="ENABLED"), BODY[:9000])
s3.delete_object(Bucket=BUCKET, Key="checksum")


def put_and_get(key):
    s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    same(key, get(key), key.encode())


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(put_and_get, ODD))
agree("odd keys", keys(Prefix="odd/"), sorted(ODD))
s3.copy_object(Bucket=BUCKET, Key="copied", CopySource={"Bucket": BUCKET, "Key": ODD[2]})
same("copy", get("copied"), ODD[2].encode())
answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in [*ODD, "copied"]]})
agree("deleted", sorted(item["Key"] for item in answer["Deleted"]), sorted([*ODD, "copied"]))
fails("deleted", lambda: get("copied"), "NoSuchKey")
agree("left", keys(), sorted(KEPT))
done()
