"""A table that clients fill, and that stays bounded."""

from __future__ import annotations

from typing import Generic, TypeVar

MAX_KEYS = 10_000
"""Keys of one table, about 2 MiB. A client with more IPv6 networks than that is not stopped by counting."""

_Value = TypeVar("_Value")


class RecentKeys(Generic[_Value]):
    """The values of the MAX_KEYS keys that were written last."""

    def __init__(self) -> None:
        self._values: dict[str, _Value] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> _Value | None:
        """Return the key's value."""
        return self._values.get(key)

    def put(self, key: str, value: _Value) -> None:
        """Set the key's value, and drop the key that was not written for longest if there are too many."""
        self._values.pop(key, None)
        if len(self._values) >= MAX_KEYS:
            del self._values[next(iter(self._values))]
        self._values[key] = value

    def drop(self, key: str) -> None:
        """Remove the key, if it is here."""
        self._values.pop(key, None)
