"""What the spool and the quarantine return of a stored file to send it to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


class Content(Protocol):
    """The bytes of a stored file, as they were when it was looked up."""

    @property
    def size(self) -> int:
        """Return the number of bytes."""

    @property
    def etag(self) -> str:
        """Return what no other bytes of this file have or had, without quotes: a strong validator (RFC 9110)."""

    @property
    def modified(self) -> int:
        """Return when the bytes were stored, in UTC microseconds."""

    @property
    def path(self) -> Path | None:
        """Return a local file, which the kernel can send; None if the bytes are elsewhere."""

    def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `[start, stop)` in pieces of at most 1 MiB.

        Raise FileNotFoundError if the file is gone or has other bytes now.
        """

    async def url(self, content_type: str, disposition: str) -> str | None:
        """Return a URL where anybody gets the bytes for some minutes, with these header fields; None: not there."""
