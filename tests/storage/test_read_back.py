"""Read-back: the digest covers the bytes in the file up to the last `extend`."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from media_service.storage.read_back import READ_BYTES, ReadBackDigest

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = random.Random(3).randbytes(3 * READ_BYTES + 77)


def test_digest_covers_the_extended_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as writer, ReadBackDigest(path) as read_back:
        for at in range(0, len(CONTENT), 100_000):
            writer.write(CONTENT[at : at + 100_000])
            read_back.extend(writer.tell())
        assert read_back.digest() == hashlib.sha256(CONTENT).digest()


def test_digest_of_nothing_is_the_empty_digest(tmp_path: Path) -> None:
    with ReadBackDigest(tmp_path / "file") as read_back:
        assert read_back.digest() == hashlib.sha256().digest()


def test_file_shorter_than_extended_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with ReadBackDigest(path) as read_back:
        read_back.extend(len(CONTENT))
        read_back.extend(len(CONTENT) + 1)
        with pytest.raises(OSError, match="ended before"):
            read_back.digest()
