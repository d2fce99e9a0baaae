"""A sent cover and sent chapters are in the file, for every player."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import eyed3  # type: ignore[import-untyped]  # it ships no types
import pytest
from mutagen.id3 import ID3

from media_service.core.chapters import Chapter
from media_service.core.files import CoverAndChapters
from media_service.core.findings import Severities, Severity
from media_service.media.inspection.inspector import MediaInspector, MediaOptions, TagOptions
from media_service.media.tags.rewrite import front_cover, plan_rewrite
from tests.core.samples import make_upload
from tests.media.cover_kinds import AUDIO, BEFORE, CHAPTERS, OLD22, apic, extracted, old, others, probed, spooled
from tests.media.players import complaints
from tests.media.raw_id3 import frame, frames_of, tag
from tests.media.rewritten import read
from tests.support.pictures import JPEG, WEBP, gif, padded_jpeg, png
from tests.support.stream import ape_tag

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker

pytestmark = pytest.mark.usefixtures("players")
PICTURES = {"image/jpeg": JPEG, "image/png": png(40, 30), "image/webp": WEBP, "image/gif": gif(1, 1)}


@pytest.mark.parametrize("media_type", PICTURES)
@pytest.mark.parametrize("version", [3, 4])
async def test_every_player_shows_the_cover(worker: TagWorker, tmp_path: Path, version: int, media_type: str) -> None:
    picture = PICTURES[media_type]
    target, _ = await spooled(worker, tmp_path, AUDIO, TagOptions("full", version), picture=picture)
    assert await complaints(target) == set()
    (front,) = ID3(target).getall("APIC")
    assert (front.mime, int(front.type), front.desc, front.data) == (media_type, 3, "", picture)
    (image,) = eyed3.load(target).tag.images
    assert (image.mime_type, image.picture_type, image.image_data) == (media_type, 3, picture)
    if media_type in ("image/jpeg", "image/png"):
        (video,) = [stream for stream in probed(target)["streams"] if stream["codec_type"] == "video"]
        assert video["tags"]["comment"] == "Cover (front)"
        assert extracted(target) == picture


@pytest.mark.parametrize("version", [None, 3, 4])
@pytest.mark.parametrize("kind", BEFORE)
async def test_every_player_shows_the_chapters(
    worker: TagWorker, tmp_path: Path, kind: str, version: int | None
) -> None:
    target, carried = await spooled(
        worker, tmp_path, BEFORE[kind] + AUDIO, TagOptions("full", version), picture=png(40, 30), chapters=CHAPTERS
    )
    assert carried == CHAPTERS
    assert await complaints(target) == set()
    shown = probed(target)["chapters"]
    end = round(120 * 1152 / 44100, 3)
    assert [(float(each["start_time"]), each["tags"]["title"]) for each in shown] == [
        (each.start, each.title) for each in CHAPTERS
    ]
    assert [float(each["end_time"]) for each in shown[:2]] == [1.25, 2.001]
    assert abs(float(shown[2]["end_time"]) - end) < 0.1
    seen = eyed3.load(target).tag
    (table,) = seen.table_of_contents
    assert (table.toplevel, table.ordered, len(table.child_ids)) == (True, True, 3)
    assert [seen.chapters[name].title for name in table.child_ids] == [each.title for each in CHAPTERS]
    assert seen.chapters[table.child_ids[1]].user_url.rstrip("\0") == CHAPTERS[1].url
    assert len(seen.chapters) == 3
    links = [frame.sub_frames.getall("WXXX") for frame in ID3(target).getall("CHAP")]
    assert [[link.url for link in each] for each in links] == [[], [CHAPTERS[1].url], []]


@pytest.mark.parametrize("version", [3, 4])
async def test_other_pictures_stay_byte_for_byte(worker: TagWorker, tmp_path: Path, version: int) -> None:
    target, carried = await spooled(worker, tmp_path, old(version) + AUDIO, TagOptions("full"), picture=JPEG)
    assert carried == (Chapter(0.0, "one"), Chapter(1.5, "two"))
    raw = [whole for _, whole in frames_of(_leading(target))]
    assert [whole for whole in others(version) if whole not in raw] == []
    assert {int(each.type) for each in ID3(target).getall("APIC")} == {0, 3, 4}
    assert {name for name, _ in frames_of(_leading(target))} >= {"CTOC", "CHAP"}


async def test_v22_picture_that_is_not_the_front_cover_stays(worker: TagWorker, tmp_path: Path) -> None:
    target, _ = await spooled(worker, tmp_path, OLD22 + AUDIO, TagOptions("full"), picture=JPEG)
    assert sorted((int(each.type), each.data) for each in ID3(target).getall("APIC")) == [(0, png(3, 3)), (3, JPEG)]


async def test_sent_cover_replaces_that_of_an_ape_tag(worker: TagWorker, tmp_path: Path) -> None:
    behind = ape_tag(png(3, 3))[32:]
    target, _ = await spooled(worker, tmp_path, AUDIO + behind, TagOptions("full"), picture=JPEG)
    assert [(int(each.type), each.data) for each in ID3(target).getall("APIC")] == [(3, JPEG)]


@pytest.mark.parametrize("kind", BEFORE)
async def test_cover_and_chapters_of_the_file_stay_if_none_are_sent(
    worker: TagWorker, tmp_path: Path, kind: str
) -> None:
    target, carried = await spooled(worker, tmp_path, BEFORE[kind] + AUDIO, TagOptions("full"))
    assert [each.title for each in carried] == (["one", "two"] if kind in ("v2.3", "v2.4") else [])
    fronts = [each for each in ID3(target).getall("APIC") if each.type == 3]
    assert len(fronts) == {"none": 0, "v2.2": 1}.get(kind, 2)


@pytest.mark.parametrize("mode", ["provenance", "none"])
async def test_cover_and_chapters_are_written_only_with_tags(
    worker: TagWorker, tmp_path: Path, mode: Literal["provenance", "none"]
) -> None:
    target, carried = await spooled(worker, tmp_path, AUDIO, TagOptions(mode), picture=JPEG, chapters=CHAPTERS)
    assert carried == ()
    assert JPEG not in target.read_bytes()
    assert b"CHAP" not in target.read_bytes()


async def test_large_cover_and_255_chapters_are_written_and_read_back(worker: TagWorker, tmp_path: Path) -> None:
    many = tuple(Chapter(number / 100, "밤 " * 100, "https://example.com/" + "a" * 200) for number in range(255))
    clean = tuple(replace(each, title=each.title.strip()) for each in many)
    picture = padded_jpeg(8 * 1024 * 1024)
    tagging = TagOptions(cover_limit=len(picture))
    target, carried = await spooled(worker, tmp_path, AUDIO, tagging, picture=picture, chapters=clean)
    assert carried == clean
    assert await complaints(target) == set()
    inspector = MediaInspector(worker, MediaOptions(tagging=tagging))
    upload = make_upload(length=target.stat().st_size, tags={})
    facts = await inspector.verify(target, upload, [])
    assert facts.findings == ()
    _, again = await inspector.plan_tags(target, replace(upload, facts=facts), None)
    assert again.chapters == clean
    inspector.close()


async def test_chapter_after_the_end_is_left_out_with_a_finding(worker: TagWorker, tmp_path: Path) -> None:
    late = (*CHAPTERS, Chapter(90.0, "Too late"))
    _, carried = await spooled(worker, tmp_path, AUDIO, TagOptions(), chapters=late)
    assert carried == CHAPTERS
    inspector = MediaInspector(worker, MediaOptions())
    path = tmp_path / "received.mp3"
    facts = await inspector.verify(path, make_upload(length=len(AUDIO), chapters=late), [])
    (found,) = facts.findings
    assert (found.code, found.severity, found.actual) == ("chapter_after_end", Severity.WARN, 90.0)
    inspector.close()


def test_cover_and_chapters_are_removed(tmp_path: Path) -> None:
    for version in (3, 4):
        path = tmp_path / "a.mp3"
        path.write_bytes(old(version) + AUDIO)
        planned, carried = plan_rewrite(path, {}, enclosed=CoverAndChapters(b"", ()))
        left = read(planned.head)
        assert sorted(int(each.type) for each in left.getall("APIC")) == [0, 4]
        assert not left.getall("CHAP") + left.getall("CTOC")
        assert carried.chapters == ()


def test_front_cover_in_any_readable_format_is_replaced(tmp_path: Path) -> None:
    content = b"\0image/png\0\3\0" + png(1, 1)
    plain = apic(3, png(1, 1), 4)
    stated = plain[:4] + _syncsafe(len(content) + 4) + b"\0\1" + _syncsafe(len(content)) + content
    path = tmp_path / "a.mp3"
    for front in (plain, stated):
        path.write_bytes(tag(front, 4) + AUDIO)
        planned, _ = plan_rewrite(path, {}, enclosed=CoverAndChapters(JPEG))
        assert [each.data for each in read(planned.head).getall("APIC")] == [JPEG]


def test_default_cover_does_not_replace_a_front_cover_after_another_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(tag(apic(4, png(2, 2), 3) + apic(3, png(), 3)) + AUDIO)
    planned, values = plan_rewrite(path, {"title": "x"}, enclosed=CoverAndChapters(JPEG, only_missing=True))
    path.write_bytes(planned.head + AUDIO)
    assert front_cover(path) == png()
    assert values.has_cover


async def test_the_front_cover_of_a_file_is_found(worker: TagWorker, tmp_path: Path) -> None:
    inspector = MediaInspector(worker, MediaOptions())
    path = tmp_path / "a.mp3"
    unsynchronised = b"\0image/jpeg\0\3\0" + JPEG.replace(b"\xff", b"\xff\0")
    written = {
        "front": (tag(apic(4, png(2, 2), 3) + apic(3, png(), 3)), png()),
        "no kind": (tag(apic(4, png(2, 2), 3) + apic(0, png(), 3)), png()),
        "only another": (tag(apic(4, png(2, 2), 3)), None),
        "a link": (tag(frame("APIC", b"\0-->\0\3\0http://example.com/a.png")), None),
        "v2.2": (OLD22, png(1, 1)),
        "unsynchronised": (
            tag(b"APIC" + _syncsafe(len(unsynchronised)) + b"\0\2" + unsynchronised, 4),
            JPEG,
        ),
        "no tag": (b"", None),
        "opaque": (tag(apic(3, png(), 3) + frame("TIT2", b"\0" + b"x" * 70_000)), None),
    }
    for kind, (before, expected) in written.items():
        path.write_bytes(before + AUDIO)
        assert await inspector.front_cover(path) == expected, kind
        _, planned = await inspector.plan_edit(path, {}, [], CoverAndChapters())
        picture = None if expected is None else await inspector.inspect_picture(expected)
        is_fit = picture is not None and picture.fault is None
        assert planned.has_cover is (None if kind == "opaque" else is_fit), kind
    with pytest.raises(FileNotFoundError):
        await inspector.front_cover(tmp_path / "missing")
    inspector.close()


async def test_policy_can_reject_a_chapter_after_the_end(worker: TagWorker, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(AUDIO)
    inspector = MediaInspector(worker, MediaOptions(policy=Severities({"chapter_after_end": Severity.REJECT})))
    late = make_upload(length=len(AUDIO), chapters=(Chapter(90.0, "Too late"),))
    (found,) = (await inspector.verify(path, late, [])).findings
    assert found.severity is Severity.REJECT
    inspector.close()


def _leading(path: Path) -> bytes:
    whole = path.read_bytes()
    return whole[: 10 + sum(byte << shift for byte, shift in zip(whole[6:10], (21, 14, 7, 0), strict=True))]


def _syncsafe(size: int) -> bytes:
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
