"""What a request says of the slice that it brings."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """A slice of `size` bytes from `start`; None if the request does not state it, then `most` may bound it.

    `digest`: the SHA-256 that the bytes must have. `last`: the file ends with the slice, whatever length was announced.
    `cut_by_client`: the client chose the end (the connection did not), so the minimum size applies. `appends`: the
    slice continues the upload, so it is never a repeat.
    """

    start: int
    size: int | None
    digest: bytes | None
    dialect: str
    _: KW_ONLY
    last: bool = False
    most: int | None = None
    cut_by_client: bool = False
    appends: bool = False
