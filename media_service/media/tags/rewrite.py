"""How a file is given its tags: which bytes come before its sound, which behind, and where the sound is cut off.

Frames that are not ours are kept byte for byte: mutagen builds our frames, and they are put before the raw ones.
Runs in the child process only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from media_service.core.files import RewritePlan, TagValues
from media_service.core.findings import Severities
from media_service.media.signatures import TAG_LOOK, tag_at
from media_service.media.tags import ape, cover_and_chapters, id3v1, id3v2, mutagen_adapter
from media_service.media.tags.id3v2 import HEADER
from media_service.media.tags.legacy import frames_of
from media_service.media.tags.new_frames import TEXT_FRAMES, Ours
from media_service.media.tags.preserved_frames import Found, kept, unread
from media_service.media.tags.safety_scan import scan
from media_service.media.tags.trailing import Behind, tags_behind
from media_service.media.tags.values import check, read

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.chapters import Chapter
    from media_service.core.files import CoverAndChapters

ALIGNMENT = 4096
"""The audio keeps its place within a file system block, so that a file system that can share blocks copies none."""


def plan(
    source: Path | int,
    tags: Mapping[str, str],
    provenance: Mapping[str, str] | None = None,
    *,
    upload_id: str | None = None,
    version: int | None = None,
    opaque: bool = False,
    guesses: Mapping[str, str] | None = None,
    sound: Sequence[int] | None = None,
    removed: Collection[str] = (),
    enclosed: CoverAndChapters | None = None,
) -> tuple[RewritePlan, TagValues]:
    """How to give the file these tags and what is `enclosed`, and take the `removed` ones; and what it carries then.

    Without any it stays as it is. `source` is a path or an open descriptor, which is closed then.

    `provenance` are texts of our own by their names. `version` is 3 or 4, None to keep the one found. An `opaque` tag
    is not shown to mutagen: its frames are kept, and nothing of it is read. `guesses` fill what is missing, and so does
    an ID3v1 tag where it stands alone. `sound` is where the frames begin and end; junk before and behind them is left
    out, since players take it for another kind of file, or for broken frames. Tags behind it that players stumble over
    go to the front: ID3v2 frame by frame, the others as frames that say the same, and whole in a private one. So does
    what any APE tag says, unless nothing but `provenance` is written.
    """
    replaces = bool(tags or removed or enclosed or (provenance and guesses))
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        leading = id3v2.leading_tags(file)
        front = sum(map(len, leading))
        behind = tags_behind(file, None if sound is None else sound[1], front)
        first = _ape_tag_at(file, front, behind.start if sound is None else sound[0]) if replaces else b""
        cut = _before_sound(file, front + len(first), sound)
    if replaces:
        behind = behind.without_ape(first)
    found = [Found(tag, not opaque and _may_be_read(tag)) for tag in [*leading, *behind.appended]]
    said, older = _said(found, behind, opaque=opaque)
    carried = {key: text for key, text in read(said).items() if key not in removed}
    known = {*carried, *(key for key, name in TEXT_FRAMES.items() if name in unread(found))}
    fills = {key: text for key, text in (guesses or {}).items() if key not in known}
    says = TagValues(carried | fills | dict(tags), _chapters(said, enclosed))
    if not tags and not provenance and not removed and not enclosed:
        return RewritePlan(b"", 0), says
    ours = Ours(fills | dict(tags), provenance or {}, upload_id, older, removed, enclosed=enclosed)
    written = _version(found, version)
    body = _build(found, ours, written)
    check(body, ours, written)
    parts = [body, *kept(found, ours, written), *(id3v2.set_aside(tag, written) for _, tag in behind.strange)]
    padding = (cut - HEADER - sum(map(len, parts))) % ALIGNMENT
    tail, length = _tail(behind, id3v1.changed(behind.id3v1, dict.fromkeys(removed, "") | dict(tags)))
    return RewritePlan(id3v2.join(parts, written, padding), cut, tail, length), says


def front_cover(source: Path | int) -> bytes:
    """The picture in front of a file, as its first tag has it; nothing where there is none, or nobody may read it."""
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        leading = id3v2.leading_tags(file)
    if not leading or not _may_be_read(leading[0]):
        return b""
    return cover_and_chapters.front_in(mutagen_adapter.load(leading[0]))


def _said(found: Sequence[Found], behind: Behind, *, opaque: bool) -> tuple[mutagen_adapter.Tag, list[Any]]:
    """What the file says of itself, the first tag first; and frames of ours that say what its other tags say."""
    shown = mutagen_adapter.Tag()
    for each in found:
        if each.readable:
            mutagen_adapter.fill(shown, mutagen_adapter.load(each.tag).values())
    if opaque or not all(each.readable for each in found):
        # What nobody reads may say it already.
        return shown, []
    older = [frame for kind, tag in behind.strange for frame in mutagen_adapter.fill(shown, frames_of(kind, tag))]
    if not found:
        # Players that see our tag would show nothing of it any more.
        older += mutagen_adapter.fill(shown, mutagen_adapter.from_id3v1(behind.id3v1))
    return shown, older


def _chapters(said: mutagen_adapter.Tag, enclosed: CoverAndChapters | None) -> tuple[Chapter, ...]:
    """Those that are written, or those of the file."""
    if enclosed is None or enclosed.chapters is None:
        return cover_and_chapters.chapters_in(said)
    return enclosed.chapters


def _version(found: Sequence[Found], asked: int | None) -> int:
    """The version to write: that of the first tag where none is asked for, or where nobody may translate it."""
    stands = found[0].version if found and found[0].version in (3, 4) else None
    return (stands if found and not found[0].readable else None) or asked or stands or 3


def _build(found: Sequence[Found], ours: Ours, version: int) -> bytes:
    """Our frames as mutagen writes them, and those of a small tag, which it translates."""
    small = found and found[0].version == 2 and found[0].readable
    tag = mutagen_adapter.load(found[0].tag) if small else mutagen_adapter.Tag()
    ours.put_into(tag, version)
    return mutagen_adapter.save(tag, version) + cover_and_chapters.build(ours.enclosed, version)


def _may_be_read(tag: bytes) -> bool:
    """Whether mutagen may see this tag."""
    return not scan(tag[:HEADER], tag[HEADER:], Severities(), (0, 0)).opaque


def _tail(behind: Behind, changed: bytes) -> tuple[bytes, int | None]:
    """The bytes behind the sound, and the length up to which the file is used; None for all of it."""
    staying = behind.staying
    if len(staying) == behind.size:
        return changed, None
    tail = staying[: len(staying) - len(changed)] + changed
    return tail, behind.start + len(tail)


def _ape_tag_at(file: BinaryIO, at: int, limit: int) -> bytes:
    """Return the whole APE tag that begins here and ends before `limit`; nothing if there is none."""
    file.seek(at)
    kind, size = tag_at(file.read(TAG_LOOK), 0) or ("", 0)
    if kind != "ape" or at + size > limit or size > id3v2.TAG_LIMIT:
        return b""
    file.seek(at)
    tag = file.read(size)
    return tag if tag[-ape.EDGE :].startswith(b"APETAGEX") else b""


def _before_sound(file: BinaryIO, stop: int, sound: Sequence[int] | None) -> int:
    """Where our tag ends: behind the tags found, and behind the junk between them and the first frame."""
    if sound is None or sound[0] <= stop:
        return stop
    file.seek(stop)
    return stop if tag_at(file.read(TAG_LOOK), 0) is not None else sound[0]
