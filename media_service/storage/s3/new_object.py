"""An object that is to be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """The object to make. `if_absent`: only if there is none; `if_match`: only in place of the one with this ETag."""

    key: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/octet-stream"
    if_absent: bool = False
    if_match: str = ""
