"""Tags taken apart as bytes: nothing is lost, nothing is followed beyond its end."""

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
    return [(each.name, each.content) for each in id3v2.frames(found)]


@pytest.mark.parametrize("version", [3, 4])
def test_frames_come_as_they_stand(version: int) -> None:
    whole = [frame(name, content, version) for name, content in PLAIN]
    assert [each.raw for each in id3v2.frames(tag(b"".join(whole), version, padding=30))] == whole
    assert id3v2.join(whole, version, 30) == tag(b"".join(whole), version, padding=30)


def test_what_only_the_tag_says_is_unsynchronised_is_so_no_more() -> None:
    body = b"".join(frame(name, unsynchronised(content), 4) for name, content in PLAIN)
    assert contents(tag(body, 4, 0x80)) == [(name.encode(), content) for name, content in PLAIN]
    flagged = frame("PRIV", unsynchronised(b"x\0\xff\xe0"), 4, 0x0002)
    assert [each.raw for each in id3v2.frames(tag(flagged, 4, 0x80))] == [flagged]


def test_plain_sizes_of_version_2_4_are_put_right() -> None:
    body = frame("GEOB", bytes(300), 4, plain_size=True) + frame("TIT2", b"\0x", 4)
    assert [each.raw for each in id3v2.frames(tag(body, 4))] == [frame("GEOB", bytes(300), 4), frame("TIT2", b"\0x", 4)]


@pytest.mark.parametrize(
    "body", [b"nothing", frame("TIT2", b"\0x")[:-1], frame("TIT2", b"\0x") + b"\0\0x", b"TIT2" + b"\xff" * 40]
)
def test_what_is_no_frame_is_said(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(id3v2.frames(tag(body)))


@pytest.mark.parametrize(("old", "new"), [(3, 4), (4, 3)])
def test_another_version_has_the_same_content_and_flags(old: int, new: int) -> None:
    flags = {3: 0xE000, 4: 0x7000}
    for name, content in [*PLAIN, ("PRIV", bytes(100_000))]:
        (found,) = id3v2.frames(tag(frame(name, content, old, flags[old]), old))
        assert found.as_version(new) == frame(name, content, new, flags[new])
    (chapter,) = id3v2.frames(tag(frame("CHAP", b"c\0" + bytes(16) + frame("APIC", bytes(300), old), old), old))
    assert chapter.as_version(new) == frame("CHAP", b"c\0" + bytes(16) + frame("APIC", bytes(300), new), new)
    (table,) = id3v2.frames(tag(frame("CTOC", b"t\0\3\2a\0b\0" + frame("TIT2", b"\0x", old), old), old))
    assert table.as_version(new) == frame("CTOC", b"t\0\3\2a\0b\0" + frame("TIT2", b"\0x", new), new)


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
def test_what_versions_write_otherwise_is_left_to_be_translated(
    name: str, content: bytes, version: int, flags: int
) -> None:
    (found,) = id3v2.frames(tag(frame(name, content, version, flags), version))
    assert found.as_version(7 - version) is None


def test_tags_in_front_are_found_one_behind_the_other() -> None:
    footed = tag(frame("TIT2", b"\0x", 4), 4, 0x10)
    tags = [tag(frame("TIT2", b"\0x")), footed + b"3DI" + footed[3:10], tag(b"", padding=9)]
    assert id3v2.leading_tags(io.BytesIO(b"".join(tags) + b"\xff\xfb" + bytes(500))) == tags
    assert id3v2.leading_tags(io.BytesIO(b"ID3\3\0\0" + syncsafe(id3v2.TAG_LIMIT) + bytes(500))) == []
    assert len(id3v2.leading_tags(io.BytesIO(tags[0] * 100))) == id3v2.TAGS


def test_what_is_set_aside_is_a_private_frame() -> None:
    content = random.Random(3).randbytes(1000)
    for version in (3, 4):
        assert id3v2.set_aside(content, version) == frame("PRIV", b"urn:media-service:tag\0" + content, version)


@given(st.binary(max_size=2000), st.sampled_from([2, 3, 4]), st.integers(0, 255))
def test_any_bytes_are_frames_or_are_refused(body: bytes, version: int, flags: int) -> None:
    found = tag(body, version, flags)
    with suppress(ValueError):
        for each in id3v2.frames(found):
            each.as_version(7 - version)
    with suppress(ValueError):
        assert all(len(whole) >= 6 for _, whole in id3v2.small_frames(found))
    id3v2.leading_tags(io.BytesIO(found))


def test_tags_in_front_are_held_as_far_as_all_fit_the_limit(path: Path) -> None:
    """What comes after them is neither read nor left out: it stays where it is."""
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
