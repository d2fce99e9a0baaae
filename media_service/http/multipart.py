"""multipart/form-data bodies: text fields and a small file around one large file, read within limits as they arrive.

The body may come without a length, so every part of it has a limit of its own: no preamble, fields that are known, each
once, and headers of bounded number and size.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from aiohttp import (
    BodyPartReader,
    ClientPayloadError,
    MultipartReader,
    content_disposition_filename,
    hdrs,
    parse_content_disposition,
)
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import Request, RequestPayloadError

from media_service.core.errors.requests import BodyCut, LengthRequired, Malformed, UnsupportedMediaType
from media_service.http.body import BLOCK, go_on, refuse_coding
from media_service.http.body_times import timed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator

    from media_service.core.errors.base import Refusal
    from media_service.http.turns import Turns

OVERHEAD = 64 * 1024
"""Bytes that the other fields and the boundaries of a multipart body may add to its file."""

FIELD = 8 * 1024
"""Bytes of one text field, and of a small file's block."""

PART_HEADERS = 32
"""Header fields of one part."""

PART_HEADER_BYTES = 8190
"""Bytes of a header field of a part: a file name of 255 characters, each percent-encoded twice, fits."""

IDENTITY_ENCODINGS = frozenset({"binary", "8bit", "7bit"})

DISPOSITIONS = 64
"""Content-Disposition fields that are remembered; a client says the same ones for every slice."""


class Reserve(Protocol):
    """What is awaited before a small file is read."""

    async def __call__(self, *, late: bool) -> None:
        """Return when it may be read."""


@dataclass(frozen=True, slots=True)
class Small:
    """A file that may stand beside a form's file: its field, its limit in bytes, and what reserves memory for it.

    `reserve` may raise to refuse it; `late` tells it that the form's file came before.
    """

    name: str
    limit: int
    too_large: Callable[[], Refusal]
    reserve: Reserve


@dataclass(frozen=True, slots=True)
class FormShape:
    """What a form may hold: its one `file` of at most `limit` bytes, text `fields`, and the `small` file.

    `late`: fields and the small file may also come after the file.
    """

    file: str
    fields: Collection[str]
    limit: int
    too_large: Callable[[], Refusal]
    small: Small | None = None
    late: bool = False


class Form:
    """A multipart/form-data body, read up to its file. `fields` and `small` grow when `blocks` has ended."""

    def __init__(
        self, reader: MultipartReader, shape: FormShape, turns: Turns, fields: dict[str, str] | None = None
    ) -> None:
        self._reader = reader
        self._shape = shape
        self._turns = turns
        self._file: BodyPartReader | None = None
        self._small: bytes | None = None
        self._small_came = False
        self.filename: str | None = None
        self.fields: dict[str, str] = {} if fields is None else fields

    @classmethod
    async def open(
        cls, request: Request, shape: FormShape, turns: Turns, seconds: float, fields: dict[str, str] | None = None
    ) -> Form:
        """Read up to the first byte of the file, within `seconds`, or as long as a small file moves.

        The form's fields are put into `fields`, so that a caller has those of a form that is refused.
        Raise UnsupportedMediaType, LengthRequired, `too_large`, that of the small file and of `reserve`, Malformed,
        BodyCut, IdleTimeout, BodyTooSlow.
        """
        refuse_coding(request)
        if request.content_type != "multipart/form-data":
            raise UnsupportedMediaType("multipart/form-data")
        _check_size(request, shape)
        await go_on(request)
        async with timed(request, seconds) as moved:
            with _multipart_errors():
                form = cls(_reader(request), shape, turns, fields)
                async for size in form._read_parts():
                    moved(size)
        if form._file is None:
            raise Malformed(shape.file, "it is missing")
        return form

    def take_small(self) -> bytes | None:
        """Return the small file that came since the last call. The form lives as long as its file: it keeps no copy."""
        small, self._small = self._small, None
        return small

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes, then read the body to its end; an empty block says that what follows still arrives.

        Raise what `open` raises.
        """
        assert self._file is not None
        with _multipart_errors():
            # An empty block does not end a part: only `at_eof` does.
            while not self._file.at_eof():
                if block := await self._file.read_chunk(BLOCK):
                    await self._turns.take()
                    yield block
                del block
            if self._shape.late:
                async for _ in self._read_parts():
                    yield b""
            elif await self._reader.next() is not None:
                raise Malformed("body", "the file must be its last part")

    async def _read_parts(self) -> AsyncIterator[int]:
        """Read parts up to the file, or to the end of the body after it. Yield how many bytes of a small file came."""
        small = self._shape.small
        while (part := await self._reader.next()) is not None:
            name, filename = _named(part)
            assert isinstance(part, BodyPartReader)
            _refuse_part_coding(part)
            if name == self._shape.file:
                if self._file is not None:
                    raise Malformed(name, "it came twice")
                self._file, self.filename = part, filename
                return
            if small is not None and name == small.name:
                async for size in self._read_small(part, small):
                    yield size
            else:
                await self._read_field(part, name)

    async def _read_small(self, part: BodyPartReader, small: Small) -> AsyncIterator[int]:
        if self._small_came:
            raise Malformed(small.name, "it came twice")
        self._small_came = True
        gathered = bytearray()
        async for block in self._pieces(part, small.limit, small.too_large):
            if block and not gathered:
                await small.reserve(late=self._file is not None)
            gathered += block
            yield len(block)
        # A page sends an empty part for a file that was not chosen.
        self._small = bytes(gathered) or None

    async def _read_field(self, part: BodyPartReader, name: str) -> None:
        if name not in self._shape.fields:
            raise Malformed("body", f"beside {self._shape.file} only these fields may come: {self._known()}")
        if name in self.fields:
            raise Malformed(name, "it came twice")
        too_large = Malformed(name, f"it is longer than {FIELD} bytes")
        text = b"".join([block async for block in self._pieces(part, FIELD, lambda: too_large)])
        self.fields[name] = text.decode()

    def _known(self) -> str:
        return ", ".join(self._shape.fields)

    async def _pieces(self, part: BodyPartReader, limit: int, too_large: Callable[[], Refusal]) -> AsyncIterator[bytes]:
        """Yield all of a part. Raise `too_large`."""
        size = 0
        while not part.at_eof():
            block = await part.read_chunk(FIELD)
            await self._turns.take()
            size += len(block)
            if size > limit:
                raise too_large()
            yield block


class _Reader(MultipartReader):
    """aiohttp's reader, for a body that begins with its first boundary."""

    async def _read_until_first_boundary(self) -> None:
        """Read the first boundary, after one empty line at most. Raise ValueError.

        aiohttp skips what comes before it line by line without a pause: 1.5 MB/s of short lines hold the event loop.
        """
        line = await self._readline()
        if line == b"\r\n":
            line = await self._readline()
        line = line.rstrip()
        self._at_eof = line == self._boundary + b"--"
        if line != self._boundary and not self._at_eof:
            raise ValueError("the body does not begin with its boundary")


def _reader(request: Request) -> MultipartReader:
    return _Reader(request.headers, request.content, max_field_size=PART_HEADER_BYTES, max_headers=PART_HEADERS)


def disposition(header: str) -> tuple[str | None, str | None, str | None]:
    """Return the kind, `name` and `filename` of a Content-Disposition. Raise Malformed."""
    try:
        return _disposition(header)
    except (ValueError, LookupError, RecursionError):
        # Charsets and continuations are the client's, and aiohttp does not expect all of them.
        raise Malformed(hdrs.CONTENT_DISPOSITION, "it cannot be parsed") from None


@lru_cache(DISPOSITIONS)
def _disposition(header: str) -> tuple[str | None, str | None, str | None]:
    # aiohttp takes longer to read this field than all else before a slice, and it reads it at every question.
    kind, parameters = parse_content_disposition(header)
    return kind, content_disposition_filename(parameters, "name"), content_disposition_filename(parameters)


def _named(part: MultipartReader | BodyPartReader) -> tuple[str, str | None]:
    """Return the part's name and file name. Raise Malformed if it has no name or is a multipart body itself."""
    _, name, filename = disposition(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))
    if name is None or not isinstance(part, BodyPartReader):
        raise Malformed("body", "every part needs a name")
    return name, filename


def _check_size(request: Request, shape: FormShape) -> None:
    """Raise LengthRequired for a request that frames no body, and `too_large` for one that is too long."""
    if request.content_length is None and hdrs.TRANSFER_ENCODING not in request.headers:
        raise LengthRequired
    small = shape.small.limit if shape.small else 0
    if (request.content_length or 0) > shape.limit + OVERHEAD + small:
        raise shape.too_large()


def _refuse_part_coding(part: BodyPartReader) -> None:
    """Raise UnsupportedMediaType. A base64 part would also make aiohttp gather it without bound."""
    coded = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "binary").lower() not in IDENTITY_ENCODINGS
    if coded or hdrs.CONTENT_ENCODING in part.headers:
        raise UnsupportedMediaType("parts without a coding")


@contextmanager
def _multipart_errors() -> Iterator[None]:
    """Raise Malformed or BodyCut for what aiohttp raises on a body that is not multipart/form-data."""
    try:
        yield
    except (RequestPayloadError, ClientPayloadError):
        raise BodyCut from None
    except (ValueError, LookupError, AssertionError, RuntimeError, HttpProcessingError) as error:
        raise Malformed("body", "it is no well-formed multipart/form-data") from error
