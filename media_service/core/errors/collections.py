"""Refusals about collections."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class UnknownCollection(Refusal):
    """The collection does not exist, is archived where that matters, or the caller may not use it."""

    code = "unknown_collection"
    template = "There is no such collection."
