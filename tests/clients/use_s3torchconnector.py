"""s3torchconnectorclient: mountpoint's client over the AWS Common Runtime, as PyTorch programs have it.

It takes authorities from the system's files alone; the test that runs this puts ours in their place.
"""

import concurrent.futures
import os

os.environ |= {"AWS_ACCESS_KEY_ID": os.environ["ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": os.environ["SECRET_KEY"]}

from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client

from common import BODY, BUCKET, ENDPOINT, KEPT, MIB, ODD, REGION
from common import agree, done, fails, same

# Parts of 5 MiB make 20 MiB and 3 bytes five requests, both up and down.
s3 = MountpointS3Client(
    region=REGION,
    user_agent_prefix="tests",
    endpoint=ENDPOINT,
    force_path_style=True,
    part_size=5 * MIB,
    max_attempts=1,
)


def put(key, body):
    stream = s3.put_object(BUCKET, key)
    for at in range(0, len(body), 3 * MIB):
        stream.write(body[at : at + 3 * MIB])
    stream.close()


def get(key, *bounds):
    return b"".join(s3.get_object(BUCKET, key, *bounds))


def keys(prefix=""):
    pages = s3.list_objects(BUCKET, prefix, max_keys=7)
    return [info.key for page in pages for info in page.object_info]


for key, body in KEPT.items():
    put(key, body)
    same(key, get(key), body)
    head = s3.head_object(BUCKET, key)
    agree("size", head.size, len(body))
same("range", get("kept/big", 5 * MIB - 5, 5 * MIB + 5), BODY[5 * MIB - 5 : 5 * MIB + 5])
same("end", get("kept/big", 20 * MIB, 20 * MIB + 3), BODY[20 * MIB :])


def put_and_get(key):
    put(key, key.encode())
    same(key, get(key), key.encode())


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(put_and_get, ODD))
agree("odd keys", keys("odd/"), sorted(ODD))
s3.copy_object(BUCKET, "kept/big", BUCKET, "copied")
same("copy", get("copied"), BODY)
for key in [*ODD, "copied"]:
    s3.delete_object(BUCKET, key)
fails("deleted", lambda: get("copied"), "NoSuchKey", "404", "not exist")
agree("left", keys(), sorted(KEPT))
done()
