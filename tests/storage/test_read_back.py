"""Reading behind the writer: the digest is of what stands in the file, whenever it was told of."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from media_service.storage.read_back import READ, ReadBackDigest

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = random.Random(3).randbytes(3 * READ + 77)


def test_the_digest_is_of_what_was_reached(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as writer, ReadBackDigest(path) as reread:
        for at in range(0, len(CONTENT), 100_000):
            writer.write(CONTENT[at : at + 100_000])
            reread.reach(writer.tell())
        assert reread.digest() == hashlib.sha256(CONTENT).digest()


def test_nothing_reached_is_the_digest_of_nothing(tmp_path: Path) -> None:
    with ReadBackDigest(tmp_path / "file") as reread:
        assert reread.digest() == hashlib.sha256().digest()


def test_a_file_that_lacks_what_was_written_is_said(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with ReadBackDigest(path) as reread:
        reread.reach(len(CONTENT))
        reread.reach(len(CONTENT) + 1)
        with pytest.raises(OSError, match="ended before"):
            reread.digest()
