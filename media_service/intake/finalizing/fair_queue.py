"""A queue of uploads that is fair between senders.

Senders take turns, so each delays another by one upload at most, however many it sent.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.upload import Upload

Sender = tuple[str, str | None]
"""The group whose uploads wait for each other."""


def sender_of(upload: Upload) -> Sender:
    """Return owner and address, because all scripts without a cookie have the same owner."""
    return upload.owner, upload.address


class FairQueue:
    """Uploads by id, each once; senders in the order of their turns."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Sender, dict[str, Upload]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, upload: Upload) -> None:
        """Add the upload after the others of its sender; one that waits already keeps its place."""
        self._waiting.setdefault(sender_of(upload), {})[upload.id] = upload

    def pop(self, may_be_taken: Callable[[Upload], bool]) -> Upload | None:
        """Remove and return the next upload that may be taken; its sender's next turn is after all others."""
        for sender, uploads in self._waiting.items():
            found = next(filter(may_be_taken, uploads.values()), None)
            if found is not None:
                self._remove(sender, found)
                return found
        return None

    def _remove(self, sender: Sender, upload: Upload) -> None:
        self._waiting.move_to_end(sender)
        del self._waiting[sender][upload.id]
        if not self._waiting[sender]:
            del self._waiting[sender]
