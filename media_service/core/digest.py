"""Digests: SHA-256 of anything, and the content hash of a whole file.

The content hash is SHA-256 over the concatenated SHA-256s of the file's 4 MiB blocks, the algorithm that Dropbox
documents as `content_hash`: a browser can compute it slice by slice with WebCrypto.
On the wire a digest stands as RFC 9530 writes it, in JSON as hex.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

from media_service.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]  # typeshed has it from 3.12

BLOCK = 4 * 1024 * 1024
"""Bytes of one block of the content hash."""

_MEMBER = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


def parse_digest_field(value: str, field: str) -> bytes:
    """The SHA-256 in an RFC 9530 dictionary such as `sha-256=:…:`; other algorithms in it are passed over.

    Raises Malformed, naming `field`, when there is no well-formed sha-256 member.
    """
    for member in value.split(","):
        if match := _MEMBER.fullmatch(member.strip()):
            try:
                return base64.b64decode(match[1], validate=True)
            except binascii.Error:
                break
    raise Malformed(field, "it must be sha-256=:BASE64: (RFC 9530)")


def parse_hex(value: str, field: str) -> bytes:
    """The 32 bytes of a lower-case hexadecimal SHA-256. Raises Malformed, naming `field`."""
    if not _HEX.fullmatch(value):
        raise Malformed(field, "it must be 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)


def format_digest_field(digest: bytes) -> str:
    """A SHA-256 as RFC 9530 writes it: `sha-256=:…:`."""
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


class WholeFileDigest:
    """SHA-256 and content hash of one file, fed in order in pieces of any size."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._leaves = hashlib.sha256()
        self._block = hashlib.sha256()
        self._room = BLOCK

    def update(self, piece: Buffer) -> None:
        """Takes the next bytes."""
        view = memoryview(piece)
        self._whole.update(view)
        while len(view) >= self._room:
            self._block.update(view[: self._room])
            view = view[self._room :]
            self._leaves.update(self._block.digest())
            self._block, self._room = hashlib.sha256(), BLOCK
        if len(view):
            self._block.update(view)
            self._room -= len(view)

    def sha256(self) -> bytes:
        """SHA-256 of all bytes so far."""
        return self._whole.digest()

    def content_hash(self) -> bytes:
        """Content hash of all bytes so far; of no bytes, SHA-256 of nothing."""
        leaves = self._leaves.copy()
        if self._room < BLOCK:
            leaves.update(self._block.digest())
        return leaves.digest()
