"""The station's name, contact and file size limit, as the pages show them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

UNITS = ("B", "KB", "MB", "GB", "TB")
_ADDRESS = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+\.[^\s@<>\"]+")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Station:
    """The station that runs the service. `name` and `contact` may be empty; `file_limit` is in bytes."""

    name: str = ""
    contact: str = ""
    file_limit: int = 0

    @property
    def link(self) -> str | None:
        """Return the URL of the contact, None if it is plain text."""
        if _LINK.fullmatch(self.contact):
            return self.contact
        return f"mailto:{self.contact}" if _ADDRESS.fullmatch(self.contact) else None

    @property
    def contact_text(self) -> str:
        """Return the contact without its scheme."""
        return re.sub(r"^(?:https?://|mailto:)", "", self.contact, flags=re.IGNORECASE)


def size_text(size: int) -> str:
    """Return a size like `4.8 MB`, with a no-break space, as `format.js` does."""
    power = 0 if size < 1 else min(len(UNITS) - 1, int(math.log2(size)) // 10)
    value = size / 1024**power
    if value >= 999.5 and power < len(UNITS) - 1:
        value, power = value / 1024, power + 1
    digits = 1 if power and value < 10 and not value.is_integer() else 0
    return f"{value:.{digits}f}\u00a0{UNITS[power]}"


def clock_text(seconds: float) -> str:
    """Return seconds like `1:02:05` or `4:07`."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
