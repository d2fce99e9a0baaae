"""What is asked of the catalogue, one sentence a query, with the values that it is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from media_service.catalogue.orders import FILE_SORT_KEYS, name_of
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.rows import fold
from media_service.catalogue.sql import SQL
from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection

    from media_service.catalogue.compiled import Statement
    from media_service.core.upload_states import State

SEARCH_WORDS = 64


def upload_by_id(upload_id: str) -> Statement:
    """The upload's row."""
    return SQL["upload_by_id"], {"which": upload_id}


def slices_of(upload_id: str) -> Statement:
    """The upload's recorded slices by start."""
    return SQL["slices_of"], {"which": upload_id}


def covered_spans(upload_ids: Collection[str], most: int) -> Statement:
    """The spans that the recorded slices of several uploads cover, merged, the first `most` of each upload."""
    return SQL["covered_spans"], {"upload_ids": json.dumps([*upload_ids]), "most": most}


def uploads_in_state(states: Collection[State]) -> Statement:
    """Uploads in one of the states, oldest first."""
    return SQL["uploads_in_state"], {"states": _names_of(states)}


def expiring_uploads(idle: int, created: int) -> Statement:
    """Receiving uploads for which nothing was recorded since `idle`, or that were made before `created`."""
    return SQL["expiring_uploads"], {"idle": idle, "created": created}


def open_bytes() -> Statement:
    """Receiving uploads whose address is known, with their length, or what was recorded where that is not known."""
    return SQL["open_bytes"], {}


def whole_uploads() -> Statement:
    """Receiving uploads whose slices, which never overlap, add up to their length."""
    return SQL["whole_uploads"], {}


def twin(owner: str, content_hash: bytes, length: int) -> Statement:
    """The owner's newest spooled upload whose file was received with these bytes."""
    return SQL["twin"], {"owner": owner, "content_hash": content_hash, "length": length}


def duplicate_of_audio(owner: str, content_hash: bytes, audio_sha256: bytes | None) -> Statement:
    """The oldest file received with these bytes, or with the same sound; one of the owner before all others."""
    return SQL["duplicate_of_audio"], {"owner": owner, "content_hash": content_hash, "audio_sha256": audio_sha256}


def taken_names(names: Collection[str]) -> Statement:
    """Which of these names files have."""
    return SQL["taken_names"], {"names": json.dumps([*names])}


def planned_names() -> Statement:
    """What is known of the names that files are about to get."""
    return SQL["planned_names"], {}


def uploads_page(owner: str | None, states: Collection[State], cursor: str | None, limit: int) -> Statement:
    """A page of uploads, newest first; `owner` None lists everybody's. Raises Malformed for another cursor."""
    name = name_of("uploads_page", owner is not None, bool(states), cursor is not None)
    return SQL[name], {"owner": owner, "states": _names_of(states), "rows": limit + 1, **_behind(cursor, int)}


def cover_of(upload_id: str) -> Statement:
    """The picture for an upload."""
    return SQL["cover_of"], {"which": upload_id}


def file_by_id(file_id: str) -> Statement:
    """The file's row."""
    return SQL["file_by_id"], {"which": file_id}


def unheard_file() -> Statement:
    """The newest file that nobody listened to."""
    return SQL["unheard_file"], {}


def heard_in(file_id: str) -> Statement:
    """What was heard in a file."""
    return SQL["heard_in"], {"which": file_id}


def retagging() -> Statement:
    """Files whose place something is about to take."""
    return SQL["retagging"], {}


def sessions() -> Statement:
    """Every stored session."""
    return SQL["sessions"], {}


def files_page(search: str, order: str, cursor: str | None, limit: int) -> Statement:
    """A page of files in which every word of `search` occurs. Raises Malformed for another order or cursor."""
    falling, key = order.startswith("-"), order.removeprefix("-")
    if key not in FILE_SORT_KEYS:
        raise Malformed("sort", f"files can be sorted by {', '.join(FILE_SORT_KEYS)}")
    words = fold(search).split()
    if len(words) > SEARCH_WORDS:
        raise Malformed("search", f"it has more than {SEARCH_WORDS} words")
    name = name_of(f"files_by_{key}", falling, cursor is not None)
    return SQL[name], {"words": json.dumps(words), "rows": limit + 1, **_behind(cursor, FILE_SORT_KEYS[key])}


def _names_of(states: Collection[State]) -> str:
    return json.dumps([state.value for state in states])


def _behind(cursor: str | None, kind: type) -> dict[str, Any]:
    if cursor is None:
        return {}
    key, last_id = decode_cursor(cursor, kind)
    return {"key": key, "last_id": last_id}
