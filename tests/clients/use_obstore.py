"""obstore: Rust's object_store, as Python calls it."""

import asyncio
import pathlib

import obstore
import obstore.exceptions
from obstore.store import S3Store

from common import ACCESS_KEY, BODY, BUCKET, CA, ENDPOINT, KEPT, MIB, ODD, OTHER_CA, REGION, SECRET_KEY, UNTRUSTED
from common import agree, done, fails, same


def connect(ca, **more):
    return S3Store(
        BUCKET,
        endpoint=ENDPOINT,
        region=REGION,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        virtual_hosted_style_request=False,
        client_options={"root_certificate": pathlib.Path(ca).read_bytes()},
        retry_config={"max_retries": 0},
        **more,
    )


def keys(prefix=None, **options):
    return [item["path"] for page in obstore.list(store, prefix, chunk_size=7, **options) for item in page]


def get(key):
    return obstore.get(store, key).bytes()


fails("another authority", lambda: obstore.list(connect(OTHER_CA)).collect(), *UNTRUSTED)
store = connect(CA)
for key, body in KEPT.items():
    obstore.put(store, key, body, attributes={"Content-Type": "text/x-test", "colour": "blue"}, chunk_size=5 * MIB)
    answer = obstore.get(store, key)
    same(key, answer.bytes(), body)
    agree("attributes", (answer.attributes["Content-Type"], answer.attributes["colour"]), ("text/x-test", "blue"))
    agree("size", obstore.head(store, key)["size"], len(body))
agree("parts", obstore.head(store, "kept/big")["e_tag"].strip('"').split("-")[1:], ["5"])
same("range", obstore.get_range(store, "kept/big", start=5 * MIB - 5, length=10), BODY[5 * MIB - 5 : 5 * MIB + 5])
parts = obstore.get_ranges(store, "kept/big", starts=[0, MIB, 20 * MIB], ends=[10, MIB + 10, 20 * MIB + 3])
same("ranges", b"".join(map(bytes, parts)), BODY[:10] + BODY[MIB : MIB + 10] + BODY[20 * MIB :])
with obstore.open_writer(store, "written", buffer_size=5 * MIB) as writer:
    for at in range(0, 12 * MIB, 3 * MIB):
        writer.write(BODY[at : at + 3 * MIB])
same("written", get("written"), BODY[: 12 * MIB])

# Conditions: what tables on object stores commit by.
fails("create of what is there", lambda: obstore.put(store, "kept/small", b"", mode="create"), "AlreadyExists")
first = obstore.put(store, "counter", b"1", mode="create")["e_tag"]
second = obstore.put(store, "counter", b"2", mode={"e_tag": first})["e_tag"]
old, new = {"if_match": first}, {"if_none_match": second}
fails("update of what has changed", lambda: obstore.put(store, "counter", b"3", mode={"e_tag": first}), "Precondition")
fails("read of what has changed", lambda: obstore.get(store, "counter", options=old), "Precondition")
fails("read of what has not", lambda: obstore.get(store, "counter", options=new), "NotModified")
same("counter", get("counter"), b"2")
for algorithm in ("SHA256", "CRC64NVME"):
    checked = connect(CA, checksum_algorithm=algorithm)
    obstore.put(checked, "checked", BODY[: 6 * MIB], chunk_size=5 * MIB)
    same(algorithm, get("checked"), BODY[: 6 * MIB])


async def put_and_get(key):
    await obstore.put_async(store, key, key.encode())
    same(key, await (await obstore.get_async(store, key)).bytes_async(), key.encode())


async def all_at_once():
    await asyncio.gather(*map(put_and_get, odd))


# object_store's own paths know neither "." and ".." nor empty segments, and percent-encode some characters.
odd = [key for key in ODD if not set(key) & set("\"'%#?[]{}|^*~`")]
asyncio.run(all_at_once())
agree("odd keys", keys("odd"), sorted(odd))
agree("odd keys after an offset", keys("odd", offset=sorted(odd)[1]), sorted(odd)[2:])
found = obstore.list_with_delimiter(store)
agree("folders", sorted(found["common_prefixes"]), ["kept", "odd"])
agree("files", sorted(item["path"] for item in found["objects"]), ["checked", "counter", "written"])
obstore.copy(store, odd[0], "copied")
same("copy", get("copied"), odd[0].encode())
obstore.rename(store, "copied", "renamed")
fails("renamed", lambda: get("copied"), "NotFound")
obstore.delete(store, [*odd, "renamed", "checked", "counter", "written"])
fails("deleted", lambda: get("renamed"), "NotFound")
agree("left", keys(), sorted(KEPT))
done()
