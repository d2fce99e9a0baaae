"""Coerce stored values to the types of the core; an unusable value becomes a default instead of an exception.

SQLite stores any type in any column, and rows may come from another version, a backup, or an operator's edit. One such
value must not make a listing fail.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from enum import StrEnum

E = TypeVar("E", bound="StrEnum")
T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_INTEGER_LIMIT = 2**63

log = structlog.get_logger()


class UnreadableRow(Exception):
    """The row has no usable id, state or intent."""


def readable(value_of: Callable[[Any], T], rows: Iterable[Any]) -> list[T]:
    """Return the values of the rows. Log and omit a row that cannot be read."""
    values = []
    for row in rows:
        try:
            values.append(value_of(row))
        except UnreadableRow as error:
            log.error("a row of the catalogue cannot be read", row=repr(row["id"]), column=str(error))
    return values


def id_of(row: Any, column: str = "id") -> str:
    """Return the id. Raise UnreadableRow for one that does not have the format of an id."""
    value = row[column]
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise UnreadableRow(column)
    return value


def text(value: object, default: str = "") -> str:
    """Return the text."""
    return value if isinstance(value, str) else default


def text_or_none(value: object) -> str | None:
    """Return the text, None for anything else."""
    return value if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """Return the integer of at most 64 bits, None for anything else."""
    usable = isinstance(value, int) and not isinstance(value, bool) and -_INTEGER_LIMIT <= value < _INTEGER_LIMIT
    return value if usable else None  # type: ignore[return-value]  # checked in the line above


def flag_or_none(value: object) -> bool | None:
    """Return whether the value is 1 and not 0, None for anything else."""
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def end_time(row: Any, column: str) -> int | None:
    """Return the time from which something is no longer valid, None if it stays so. Raise UnreadableRow.

    An unusable time must not make it valid for ever.
    """
    time = integer(row[column])
    if time is None and row[column] is not None:
        raise UnreadableRow(column)
    return time


def number(value: object) -> float | None:
    """Return the finite number, None for anything else."""
    if integer(value) is not None or (isinstance(value, float) and math.isfinite(value)):
        return value  # type: ignore[return-value]  # checked in the line above
    return None


def blob(value: object) -> bytes | None:
    """Return the bytes, None for anything else."""
    return value if isinstance(value, bytes) else None


def hex_bytes(value: object) -> bytes | None:
    """Return the bytes of hex digits, None for anything else."""
    try:
        return bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        return None


def member(kind: type[E], value: Any) -> E | None:
    """Return the member of an enumeration, None for a value unknown to this version."""
    try:
        return kind(value)
    except ValueError:
        return None


def json_object(stored: object) -> dict[str, Any]:
    """Return the object of a JSON text, empty for anything else."""
    value = _parsed(stored)
    return value if isinstance(value, dict) else {}


def json_array(stored: object) -> list[Any]:
    """Return the array of a JSON text, empty for anything else."""
    value = _parsed(stored)
    return value if isinstance(value, list) else []


def first_of_array(stored: object) -> list[Any]:
    """Return only the first element of a JSON array, without parsing the others."""
    try:
        return [_DECODER.raw_decode(stored, 1)[0]] if isinstance(stored, str) and stored.startswith("[") else []
    except (ValueError, RecursionError):
        return []


def texts(value: object) -> dict[str, str]:
    """Return the members of an object that are text."""
    if not isinstance(value, dict):
        return {}
    return {key: content for key, content in value.items() if isinstance(content, str)}


def _parsed(stored: object) -> Any:
    """Return the value of a JSON text. Numbers that are not finite become None: browsers refuse NaN in JSON."""
    try:
        return _DECODER.decode(stored) if isinstance(stored, str) else None
    except (ValueError, RecursionError):
        return None


def _none(_constant: str) -> None:
    return None


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


_DECODER = json.JSONDecoder(parse_constant=_none, parse_float=_finite)
