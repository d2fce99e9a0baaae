"""SHA-256 digests, and the content hash of a file.

The content hash is SHA-256 over the SHA-256s of the file's 4 MiB blocks, which Dropbox documents as `content_hash`: a
browser can compute it slice by slice with WebCrypto. Headers have digests in RFC 9530 form, JSON in hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import DigestMismatch

if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Mapping  # type: ignore[attr-defined]  # typeshed has it from 3.12

BLOCK_BYTES = 4 * 1024 * 1024
_MEMBER = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


def parse_digest_field(value: str, field: str) -> bytes:
    """Return the SHA-256 in an RFC 9530 dictionary (`sha-256=:…:`), ignoring other algorithms. Raise Malformed."""
    for member in value.split(","):
        if match := _MEMBER.fullmatch(member.strip()):
            try:
                return base64.b64decode(match[1], validate=True)
            except binascii.Error:
                break
    raise Malformed(field, "it must be sha-256=:BASE64: (RFC 9530)")


def parse_hex(value: str, field: str) -> bytes:
    """Return the 32 bytes of a lower-case hexadecimal SHA-256. Raise Malformed, naming `field`."""
    if not _HEX.fullmatch(value):
        raise Malformed(field, "it must be 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)


def format_digest_field(digest: bytes) -> str:
    """Return a SHA-256 as RFC 9530 writes it: `sha-256=:…:`."""
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def leaf_index(start: int, stop: int, length: int | None) -> int | None:
    """Return the index of the block of the content hash that is exactly `[start, stop)`, or None."""
    index, within = divmod(start, BLOCK_BYTES)
    return index if not within and (stop - start == BLOCK_BYTES or stop == length) else None


class Digest(Protocol):
    """The common interface of hashlib's objects and `Crc32`."""

    def update(self, data: Buffer, /) -> object:
        """Add bytes."""

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""


class Crc32:
    """CRC-32 as zlib computes it, big-endian."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        """Add bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Return four bytes."""
        return self._value.to_bytes(4, "big")


ALGORITHMS: Mapping[str, Callable[[], Digest]] = {
    # MD5 and SHA-1 only detect damage in transit here; nothing relies on them for security.
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": Crc32,
}


@dataclass(frozen=True, slots=True)
class Proof:
    """A checksum that a request's bytes must have. Raise Malformed if its size does not fit the algorithm."""

    algorithm: str
    digest: bytes

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise Malformed("checksum", f"algorithms are {', '.join(ALGORITHMS)}")
        if len(self.digest) != len(ALGORITHMS[self.algorithm]().digest()):
            raise Malformed("checksum", f"it is not a {self.algorithm} digest")

    @property
    def sha256(self) -> bytes | None:
        """Return the digest if it is a SHA-256."""
        return self.digest if self.algorithm == "sha256" else None

    def begin(self) -> Digest:
        """Return an empty digest of this algorithm."""
        return ALGORITHMS[self.algorithm]()

    def check(self, seen: Digest) -> None:
        """Raise DigestMismatch."""
        if seen.digest() != self.digest:
            raise DigestMismatch(*(f"{self.algorithm} {digest.hex()}" for digest in (self.digest, seen.digest())))


class ContentHash:
    """The content hash of one file, updated in order with pieces of any size.

    `known` has the SHA-256s of blocks, by index, that were verified at receipt and are not hashed again. It may grow
    meanwhile: a block is looked up when its first byte comes.
    """

    def __init__(self, known: Mapping[int, bytes] | None = None) -> None:
        self._known = {} if known is None else known
        self._leaves = hashlib.sha256()
        self._block: hashlib._Hash | None = None
        self.size = 0

    def update(self, piece: Buffer) -> None:
        """Add bytes."""
        view = memoryview(piece)
        while view:
            index, within = divmod(self.size, BLOCK_BYTES)
            if not within:
                self._block = None if index in self._known else hashlib.sha256()
            part = view[: BLOCK_BYTES - within]
            if self._block is not None:
                self._block.update(part)
            self.size += len(part)
            view = view[len(part) :]
            if not self.size % BLOCK_BYTES:
                self._leaves.update(self._leaf(index))

    def pass_known(self, stop: int) -> None:
        """Add the following blocks without their bytes, as long as they are known and end at or before `stop`."""
        while not self.size % BLOCK_BYTES and self.size < stop:
            index, end = self.size // BLOCK_BYTES, min(self.size + BLOCK_BYTES, stop)
            if index not in self._known:
                return
            self._block = None
            self.size = end
            if not end % BLOCK_BYTES:
                self._leaves.update(self._leaf(index))

    def digest(self) -> bytes:
        """Return the content hash of all bytes so far."""
        leaves = self._leaves.copy()
        if self.size % BLOCK_BYTES:
            leaves.update(self._leaf(self.size // BLOCK_BYTES))
        return leaves.digest()

    def _leaf(self, index: int) -> bytes:
        return self._known[index] if self._block is None else self._block.digest()
