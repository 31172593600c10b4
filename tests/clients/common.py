"""What the programs of this folder share: where the server is, the bytes to store, and how a disagreement ends them.

Each program makes the bucket, works in it with one client, leaves exactly the objects of `KEPT` there, and prints
"all agree". The test that runs it then reads those with a client of its own.
"""

import os
import pathlib
import sys
import urllib.parse

ENDPOINT = os.environ["ENDPOINT"]
HOST = urllib.parse.urlsplit(ENDPOINT).netloc
REGION = os.environ["REGION"]
ACCESS_KEY = os.environ["ACCESS_KEY"]
SECRET_KEY = os.environ["SECRET_KEY"]
CA = os.environ["CA"]
OTHER_CA = os.environ["OTHER_CA"]
"""A certificate authority that the server's certificate is not from."""
BUCKET = os.environ["BUCKET"]
MIB = 1024 * 1024
BODY = pathlib.Path(os.environ["BODY"]).read_bytes()
"""20 MiB and 3 bytes at random: more than one part for every client."""

KEPT = {
    "kept/small": BODY[:1000],
    "kept/empty": b"",
    "kept/big": BODY,
    "kept/odd ü+&%=~ (1).bin": BODY[:70_000],
}
ODD = [
    "odd/with space",
    "odd/plus+and%2Fpercent%",
    "odd/question?hash#amp&equals=",
    "odd/semi;colon:comma,at@dollar$",
    "odd/'single' \"double\" `back`",
    "odd/star*bang!tilde~(paren)",
    "odd/[brackets]{braces}|pipe^caret",
    "odd/日本語/é/🦀",
    "odd/e\u0301 is not é",
    "odd/.hidden",
    "odd/" + "long" * 100,
]
"""Keys that signing, encoding in URLs and in XML each treat in a way of their own."""


def agree(what, got, want):
    if got != want:
        sys.exit(f"{what}: got {shown(got)}, want {shown(want)}")


def same(what, got, want):
    """As `agree`, for bytes, which nobody wants printed."""
    got = bytes(got)
    if got != want:
        first = next((at for at, pair in enumerate(zip(got, want)) if pair[0] != pair[1]), min(len(got), len(want)))
        sys.exit(f"{what}: {len(got)} bytes for {len(want)}, the first difference at {first}")


def shown(value):
    text = repr(value)
    return text if len(text) < 600 else text[:600] + "..."


def fails(what, call, *words):
    """The call must fail, and its failure must say one of the words."""
    try:
        call()
    except Exception as error:
        text = f"{type(error).__name__}: {error} {error.__cause__ or ''} {error.__context__ or ''}"
        if not any(word.lower() in text.lower() for word in words):
            sys.exit(f"{what}: failed for another reason: {text}")
        return
    sys.exit(f"{what}: did not fail")


UNTRUSTED = ("certificate", "CERT", "SSL", "TLS", "UnknownIssuer")
"""What one or another client says of a server whose certificate it cannot verify."""


def done():
    print("all agree")
