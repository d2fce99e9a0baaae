"""How a file is given its tags: which bytes come before its sound, which behind, and where the sound is cut off.

Frames that are not ours are kept byte for byte: mutagen builds our frames, and they are put before the raw ones.
Runs in the child process only.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from media_service.core.ports import TagPlan
from media_service.media import id3, id3v1, raw
from media_service.media.around import TAG_LOOK, peel_tags, tag_at
from media_service.media.carried import check, read
from media_service.media.kept import kept
from media_service.media.ours import Ours
from media_service.media.raw import HEADER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

ALIGNMENT = 4096
"""The audio keeps its place within a file system block, so that a file system that can share blocks copies none."""


def plan(
    path: Path,
    tags: Mapping[str, str],
    provenance: Mapping[str, str] | None = None,
    *,
    upload_id: str | None = None,
    version: int | None = None,
    opaque: bool = False,
    guesses: Mapping[str, str] | None = None,
    sound: Sequence[int] | None = None,
    removed: Collection[str] = (),
) -> tuple[TagPlan, dict[str, str]]:
    """How to give the file these tags and take the `removed` ones, and the tags it will carry then.

    Without any it stays as it is.

    `provenance` are texts of our own by their names. `version` is 3 or 4, None to keep the one found. An `opaque` tag
    is not shown to mutagen: its frames are kept, and nothing of it is read. `guesses` fill what is missing, and so does
    an ID3v1 tag where it stands alone: players that see ours would show nothing of it any more. `sound` is where the
    frames begin and end; junk before and behind them is left out, since players take it for another kind of file, or
    for broken frames.
    """
    with path.open("rb") as file:
        found, old_id3v1 = raw.leading_tags(file), id3v1.find(file)
        cut = _before_sound(file, sum(map(len, found)), sound)
        behind = _behind_sound(file, sound)
    old = id3.load(found[0]) if found and not opaque else id3.Tag()
    alone = id3.from_id3v1(old_id3v1) if not found else []
    carried = {key: text for key, text in (read(old) or read(id3.together(alone))).items() if key not in removed}
    fills = {key: text for key, text in (guesses or {}).items() if key not in carried}
    carried |= fills | dict(tags)
    if not tags and not provenance and not removed:
        return TagPlan(b"", 0), carried
    stands = found[0][3] if found and found[0][3] in (3, 4) else None
    written = (stands if opaque else None) or version or stands or 3
    ours = Ours(fills | dict(tags), provenance or {}, upload_id, alone, removed)
    body = _build(old if found and found[0][3] == 2 else id3.Tag(), ours, written)
    check(body, ours, written)
    parts = [body, *kept(found, ours, written, opaque=opaque)]
    padding = (cut - HEADER - sum(map(len, parts))) % ALIGNMENT
    tail, length = id3v1.changed(old_id3v1, dict.fromkeys(removed, "") | dict(tags)), None
    if behind is not None and sound is not None:
        tail = behind[: len(behind) - len(tail)] + tail
        length = sound[1] + len(tail)
    return TagPlan(raw.join(parts, written, padding), cut, tail, length), carried


def _build(old: id3.Tag, ours: Ours, version: int) -> bytes:
    ours.put_into(old, version)
    return id3.save(old, version)


def _before_sound(file: BinaryIO, stop: int, sound: Sequence[int] | None) -> int:
    """Where our tag ends: behind the tags found, and behind the junk between them and the first frame."""
    if sound is None or sound[0] <= stop:
        return stop
    file.seek(stop)
    return stop if tag_at(file.read(TAG_LOOK), 0) is not None else sound[0]


def _behind_sound(file: BinaryIO, sound: Sequence[int] | None) -> bytes | None:
    """The tags behind the last frame, without the junk among them; None where there is no junk, or more than a tag."""
    if sound is None or file.seek(0, io.SEEK_END) - sound[1] > raw.TAG_LIMIT:
        return None
    file.seek(sound[1])
    rest, at = file.read(), 0
    while (found := tag_at(rest, at)) is not None and at + found[1] <= len(rest):
        at += found[1]
    stop, _ = peel_tags(rest, at)
    return rest[:at] + rest[stop:] if stop > at else None
