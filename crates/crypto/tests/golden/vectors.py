#!/usr/bin/env python3
"""An independent implementation of the sealed formats, over the package `cryptography`.

Without arguments it compares the committed vectors with what it computes itself; `--write FORMAT` writes the file
of a format that has none yet. See docs/formats/sealed-blob.md and docs/formats/keys.md.
"""

import hashlib
import hmac
import pathlib
import struct
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FRAME = 65536
HERE = pathlib.Path(__file__).parent


def plain(length):
    return bytes((i * 7 + i // 251) & 255 for i in range(length))


def blob(key, bucket, object_key, blob_id, data):
    header = bytes([1, 1, 16, 0])
    frames = [data[i : i + FRAME] for i in range(0, len(data), FRAME)] or [b""]
    out = header
    for number, frame in enumerate(frames):
        nonce = bytes(3) + struct.pack(">Q", number) + bytes([number == len(frames) - 1])
        aad = header + bucket + blob_id + struct.pack(">Q", number) + object_key
        out += AESGCM(key).encrypt(nonce, frame, aad)
    return out


def blob_vectors():
    key, bucket, blob_id = bytes(range(32)), b"\xb0" * 16, b"\xb1" * 16
    object_key = "photos/été 1.jpg".encode()
    for length in (0, 1, 5, 100):
        yield f"blob of {length}", blob(key, bucket, object_key, blob_id, plain(length))
    for length in (FRAME, 2 * FRAME + 3):
        sealed = blob(key, bucket, object_key, blob_id, plain(length))
        yield f"sha256 of blob of {length}", hashlib.sha256(sealed).digest()


def derive(secret, label, context=b""):
    info = bytes([len(label)]) + label + context
    return HKDF(hashes.SHA256(), 32, salt=b"strongroom", info=info).derive(secret)


def xaes(key, nonce, data, aad):
    blocks = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    l = int.from_bytes(blocks.update(bytes(16)), "big")
    k1 = (l << 1 & (1 << 128) - 1) ^ (0x87 if l >> 127 else 0)
    derived = b""
    for counter in (1, 2):
        block = int.from_bytes(bytes([0, counter]) + b"X\x00" + nonce[:12], "big") ^ k1
        derived += blocks.update(block.to_bytes(16, "big"))
    return AESGCM(derived).encrypt(nonce[12:], data, aad)


def envelope(epoch, key, first, second, data, nonce):
    header = b"\x01" + struct.pack(">I", epoch)
    aad = header + struct.pack(">Q", len(first)) + first + second
    return header + nonce + xaes(key, nonce, data, aad)


def keys_vectors():
    root = b"\xaa" * 32
    counting = bytes(range(256))
    keyring_id, epochs = counting[:16], {1: counting[16:48], 2: counting[48:80]}
    nonces = {1: counting[0x60:0x78], 2: counting[0x78:0x90]}
    out = b"\x01" + derive(root, b"root-check")[:16] + keyring_id + struct.pack(">II", 2, len(epochs))
    for number, key in epochs.items():
        aad = b"\x01" + keyring_id + struct.pack(">I", number)
        sealed = xaes(derive(root, b"root-wrap-epoch"), nonces[number], key, aad)
        out += struct.pack(">I", number) + nonces[number] + sealed
    out += hmac.digest(derive(root, b"root-mac-keyring"), out, "sha256")
    yield "keyring", out

    nonce, second = b"\x5a" * 24, epochs[2]
    yield "row", envelope(2, derive(second, b"row"), b"bucket/b0", b"cur|k", b"a row's value", nonce)
    yield "record", envelope(1, derive(epochs[1], b"record"), b"journal", b"", b"", nonce)
    for label in (b"secret", b"token", b"kms"):
        yield label.decode(), envelope(2, derive(second, label), b"context", b"", b"secret", nonce)

    bucket, header = b"\xb0" * 16, b"\x01\x01" + struct.pack(">I", 2)
    context = b"".join(struct.pack(">Q", len(text)) + text for text in (b"a", b"1", b"b", b"2"))
    wrapped = xaes(derive(second, b"bucket", bucket), nonce, b"\xdd" * 32, header + bucket + context)
    yield "wrapped", header + nonce + wrapped


def sse_c(customer, bucket_key, kind, bucket, place_id, object_key, key, inner_nonce, outer_nonce):
    place = bytes([kind]) + bucket + place_id + object_key
    inner = inner_nonce + xaes(derive(customer, b"sse-c", place), inner_nonce, key, b"\x01\x03" + place)
    header = b"\x01\x03" + struct.pack(">I", 2)
    return header + outer_nonce + xaes(bucket_key, outer_nonce, inner, header + place)


def sse_c_vectors():
    second, bucket, object_key = bytes(range(48, 80)), b"\xb0" * 16, "photos/été 1.jpg".encode()
    wrap = lambda kind, place_id: sse_c(
        b"\xcc" * 32,
        derive(second, b"bucket", bucket),
        kind,
        bucket,
        place_id,
        object_key,
        b"\xdd" * 32,
        b"\x5a" * 24,
        b"\x5b" * 24,
    )
    yield "wrapped for a blob", wrap(0, b"\xb1" * 16)
    yield "wrapped for an upload", wrap(1, b"\xb2" * 16)


def text(pairs):
    return "".join(f"{name} = {value.hex()}\n" for name, value in pairs)


def main():
    computed = {
        "blob-v1": text(blob_vectors()),
        "keys-v1": text(keys_vectors()),
        "sse-c-v1": text(sse_c_vectors()),
    }
    if sys.argv[1:2] == ["--write"]:
        for name in sys.argv[2:]:
            with open(HERE / f"{name}.txt", "x") as file:
                file.write(computed[name])
    for name, expected in computed.items():
        if (HERE / f"{name}.txt").read_text() != expected:
            sys.exit(f"{name}.txt differs from what this script computes")


main()
