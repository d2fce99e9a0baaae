"""Frames are read from bytes without loss, and never beyond the end of the tag."""

from __future__ import annotations

import io
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.media.tags import id3v2
from media_service.media.tags.id3v2 import leading_tags
from tests.media.raw_id3 import frame, syncsafe, tag, unsynchronised

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = [("PRIV", b"owner\0" + bytes(range(256))), ("GEOB", b"\0a/b\0n\0d\0\xff\xe0\xff\0"), ("XYZ9", b"nobody knows")]


def contents(found: bytes) -> list[tuple[bytes, bytes]]:
    return [(each.name, each.content) for each in id3v2.iter_frames(found)]


@pytest.mark.parametrize("version", [3, 4])
def test_frames_are_read_byte_for_byte(version: int) -> None:
    whole = [frame(name, content, version) for name, content in PLAIN]
    assert [each.raw for each in id3v2.iter_frames(tag(b"".join(whole), version, padding=30))] == whole
    assert id3v2.build_tag(whole, version, 30) == tag(b"".join(whole), version, padding=30)


def test_unsynchronisation_declared_by_the_tag_only_is_removed() -> None:
    body = b"".join(frame(name, unsynchronised(content), 4) for name, content in PLAIN)
    assert contents(tag(body, 4, 0x80)) == [(name.encode(), content) for name, content in PLAIN]
    flagged = frame("PRIV", unsynchronised(b"x\0\xff\xe0"), 4, 0x0002)
    assert [each.raw for each in id3v2.iter_frames(tag(flagged, 4, 0x80))] == [flagged]


def test_plain_sizes_of_version_2_4_become_syncsafe() -> None:
    body = frame("GEOB", bytes(300), 4, plain_size=True) + frame("TIT2", b"\0x", 4)
    assert [each.raw for each in id3v2.iter_frames(tag(body, 4))] == [
        frame("GEOB", bytes(300), 4),
        frame("TIT2", b"\0x", 4),
    ]


@pytest.mark.parametrize(
    "body", [b"nothing", frame("TIT2", b"\0x")[:-1], frame("TIT2", b"\0x") + b"\0\0x", b"TIT2" + b"\xff" * 40]
)
def test_malformed_frames_raise_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(id3v2.iter_frames(tag(body)))


@pytest.mark.parametrize(("old", "new"), [(3, 4), (4, 3)])
def test_converted_frames_keep_content_and_flags(old: int, new: int) -> None:
    flags = {3: 0xE000, 4: 0x7000}
    for name, content in [*PLAIN, ("PRIV", bytes(100_000))]:
        (found,) = id3v2.iter_frames(tag(frame(name, content, old, flags[old]), old))
        assert found.to_version(new) == frame(name, content, new, flags[new])
    (chapter,) = id3v2.iter_frames(tag(frame("CHAP", b"c\0" + bytes(16) + frame("APIC", bytes(300), old), old), old))
    assert chapter.to_version(new) == frame("CHAP", b"c\0" + bytes(16) + frame("APIC", bytes(300), new), new)
    (table,) = id3v2.iter_frames(tag(frame("CTOC", b"t\0\3\2a\0b\0" + frame("TIT2", b"\0x", old), old), old))
    assert table.to_version(new) == frame("CTOC", b"t\0\3\2a\0b\0" + frame("TIT2", b"\0x", new), new)


@pytest.mark.parametrize(
    ("name", "content", "version", "flags"),
    [
        ("TIT2", "\x03밤".encode(), 4, 0),
        ("TDRC", b"\x002024", 4, 0),
        ("TYER", b"\x002024", 3, 0),
        ("PRIV", b"folded", 4, 0x0008),
        ("CHAP", b"c\0" + bytes(16) + b"no frame at all", 4, 0),
    ],
)
def test_version_specific_frames_are_not_converted(name: str, content: bytes, version: int, flags: int) -> None:
    (found,) = id3v2.iter_frames(tag(frame(name, content, version, flags), version))
    assert found.to_version(7 - version) is None


def test_consecutive_leading_tags_are_found() -> None:
    footed = tag(frame("TIT2", b"\0x", 4), 4, 0x10)
    tags = [tag(frame("TIT2", b"\0x")), footed + b"3DI" + footed[3:10], tag(b"", padding=9)]
    assert id3v2.leading_tags(io.BytesIO(b"".join(tags) + b"\xff\xfb" + bytes(500))) == tags
    assert id3v2.leading_tags(io.BytesIO(b"ID3\3\0\0" + syncsafe(id3v2.MAX_TAG_BYTES) + bytes(500))) == []
    assert len(id3v2.leading_tags(io.BytesIO(tags[0] * 100))) == id3v2.MAX_LEADING_TAGS


def test_unreadable_tag_is_wrapped_in_a_private_frame() -> None:
    content = random.Random(3).randbytes(1000)
    for version in (3, 4):
        assert id3v2.wrap_in_private_frame(content, version) == frame(
            "PRIV", b"urn:media-service:tag\0" + content, version
        )


@given(st.binary(max_size=2000), st.sampled_from([2, 3, 4]), st.integers(0, 255))
def test_any_bytes_are_frames_or_raise_value_error(body: bytes, version: int, flags: int) -> None:
    found = tag(body, version, flags)
    with suppress(ValueError):
        for each in id3v2.iter_frames(found):
            each.to_version(7 - version)
    with suppress(ValueError):
        assert all(len(whole) >= 6 for _, whole in id3v2.iter_v22_frames(found))
    id3v2.leading_tags(io.BytesIO(found))


def test_leading_tags_are_read_up_to_the_size_limit(path: Path) -> None:
    """Tags after the limit are neither read nor dropped."""
    size = 6 * 1024 * 1024
    one = tag(frame("PRIV", b"x\0" + bytes(size)))
    path.write_bytes(one * 15)
    reads: list[int] = []
    with path.open("rb", buffering=0) as file:
        whole = file.read

        class Noted:
            seek = file.seek

            def read(self, count: int) -> bytes:
                reads.append(count)
                return bytes(whole(count) or b"")

        assert leading_tags(Noted()) == [one, one]  # type: ignore[arg-type]  # what it uses of a file
    assert sum(reads) < 2 * len(one) + 200
