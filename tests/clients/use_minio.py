"""minio-py."""

import concurrent.futures
import io

import minio
import minio.commonconfig
import minio.deleteobjects
import urllib3

from common import ACCESS_KEY, BODY, BUCKET, CA, HOST, KEPT, MIB, ODD, OTHER_CA, REGION, SECRET_KEY, UNTRUSTED
from common import agree, done, fails, same


def connect(ca):
    pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=ca, retries=False, maxsize=16)
    return minio.Minio(HOST, access_key=ACCESS_KEY, secret_key=SECRET_KEY, region=REGION, http_client=pool)


fails("another authority", connect(OTHER_CA).list_buckets, *UNTRUSTED)
store = connect(CA)
agree("exists before", store.bucket_exists(bucket_name=BUCKET), False)
store.make_bucket(bucket_name=BUCKET)
agree("exists", store.bucket_exists(bucket_name=BUCKET), True)


def put(key, body, **options):
    return store.put_object(bucket_name=BUCKET, object_name=key, data=io.BytesIO(body), length=len(body), **options)


def get(key, **options):
    answer = store.get_object(bucket_name=BUCKET, object_name=key, **options)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def keys(**options):
    return [item.object_name for item in store.list_objects(bucket_name=BUCKET, recursive=True, **options)]


for key, body in KEPT.items():
    put(key, body, content_type="text/x-test", part_size=5 * MIB, num_parallel_uploads=4)
    same(key, get(key), body)
    stat = store.stat_object(bucket_name=BUCKET, object_name=key)
    agree("size and type", (stat.size, stat.content_type), (len(body), "text/x-test"))
agree("parts", store.stat_object(bucket_name=BUCKET, object_name="kept/big").etag.split("-")[1:], ["5"])
same("range", get("kept/big", offset=5 * MIB - 5, length=10), BODY[5 * MIB - 5 : 5 * MIB + 5])
unknown = store.put_object(
    bucket_name=BUCKET, object_name="unknown", data=io.BytesIO(BODY[: 6 * MIB]), length=-1, part_size=5 * MIB
)
same("of unknown length", get("unknown"), BODY[: 6 * MIB])
source = minio.commonconfig.CopySource(bucket_name=BUCKET, object_name="kept/odd ü+&%=~ (1).bin")
store.copy_object(bucket_name=BUCKET, object_name="copied", source=source)
same("copy", get("copied"), BODY[:70_000])
sources = [minio.commonconfig.ComposeSource(bucket_name=BUCKET, object_name=key) for key in ("unknown", "copied")]
store.compose_object(bucket_name=BUCKET, object_name="composed", sources=sources)
same("composed", get("composed"), BODY[: 6 * MIB] + BODY[:70_000])


def put_and_get(key):
    put(key, key.encode())
    same(key, get(key), key.encode())


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(put_and_get, ODD))
agree("odd keys", keys(prefix="odd/"), sorted(ODD))
agree("odd keys of version 1", keys(prefix="odd/", use_api_v1=True), sorted(ODD))
folders = [item.object_name for item in store.list_objects(bucket_name=BUCKET) if item.is_dir]
agree("folders", folders, ["kept/", "odd/"])
for key in ("copied", "unknown"):
    store.remove_object(bucket_name=BUCKET, object_name=key)
doomed = [minio.deleteobjects.DeleteObject(name=key) for key in [*ODD, "composed"]]
agree("errors", list(store.remove_objects(bucket_name=BUCKET, delete_object_list=doomed)), [])
fails("deleted", lambda: get("copied"), "NoSuchKey")
agree("left", keys(), sorted(KEPT))
done()
