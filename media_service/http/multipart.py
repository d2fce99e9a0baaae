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
from media_service.http.body import MAX_BLOCK_BYTES, refuse_content_encoding, send_continue
from media_service.http.body_timeouts import body_timeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator

    from media_service.core.errors.base import Refusal
    from media_service.http.loop_budget import LoopBudget

MAX_OVERHEAD_BYTES = 64 * 1024
"""Bytes that the other fields and the boundaries of a multipart body may add to its file."""

MAX_FIELD_BYTES = 8 * 1024
"""Bytes of one text field, and of a small file's block."""

MAX_PART_HEADERS = 32
"""Header fields of one part."""

MAX_PART_HEADER_BYTES = 8190
"""Bytes of a header field of a part: a file name of 255 characters, each percent-encoded twice, fits."""

IDENTITY_ENCODINGS = frozenset({"binary", "8bit", "7bit"})

CACHED_DISPOSITIONS = 64
"""Content-Disposition fields that are remembered; a client says the same ones for every slice."""


class ReserveMemory(Protocol):
    """What is awaited before a small file is read."""

    async def __call__(self, *, late: bool) -> None:
        """Return when it may be read."""


@dataclass(frozen=True, slots=True)
class FileField:
    """A file that may stand beside a form's file: its field, its limit in bytes, and what reserves memory for it.

    `reserve` may raise to refuse it; `late` tells it that the form's file came before.
    """

    name: str
    limit: int
    too_large: Callable[[], Refusal]
    reserve: ReserveMemory


@dataclass(frozen=True, slots=True)
class FormSchema:
    """What a form may hold: its one `file` of at most `limit` bytes, text `fields`, and the `file_field`.

    `late`: fields and the small file may also come after the file.
    """

    file: str
    fields: Collection[str]
    limit: int
    too_large: Callable[[], Refusal]
    file_field: FileField | None = None
    late: bool = False


class MultipartForm:
    """A multipart/form-data body, read up to its file. `fields` and `file_field` grow when `blocks` has ended."""

    def __init__(
        self, reader: MultipartReader, schema: FormSchema, loop_budget: LoopBudget, fields: dict[str, str] | None = None
    ) -> None:
        self._reader = reader
        self._schema = schema
        self._loop_budget = loop_budget
        self._file: BodyPartReader | None = None
        self._file_field: bytes | None = None
        self._file_field_seen = False
        self.filename: str | None = None
        self.fields: dict[str, str] = {} if fields is None else fields

    @classmethod
    async def open(
        cls,
        request: Request,
        schema: FormSchema,
        loop_budget: LoopBudget,
        seconds: float,
        fields: dict[str, str] | None = None,
    ) -> MultipartForm:
        """Read up to the first byte of the file, within `seconds`, or as long as a small file moves.

        The form's fields are put into `fields`, so that a caller has those of a form that is refused.
        Raise UnsupportedMediaType, LengthRequired, `too_large`, that of the file field and of `reserve`, Malformed,
        BodyCut, IdleTimeout, BodyTooSlow.
        """
        refuse_content_encoding(request)
        if request.content_type != "multipart/form-data":
            raise UnsupportedMediaType("multipart/form-data")
        _check_size(request, schema)
        await send_continue(request)
        async with body_timeout(request, seconds) as count_bytes:
            with _multipart_errors():
                form = cls(_make_reader(request), schema, loop_budget, fields)
                async for size in form._read_parts():
                    count_bytes(size)
        if form._file is None:
            raise Malformed(schema.file, "it is missing")
        return form

    def pop_file_field(self) -> bytes | None:
        """Return the small file that came since the last call. The form lives as long as its file: it keeps no copy."""
        file_field, self._file_field = self._file_field, None
        return file_field

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes, then read the body to its end; an empty block says that what follows still arrives.

        Raise what `open` raises.
        """
        assert self._file is not None
        with _multipart_errors():
            # An empty block does not end a part: only `at_eof` does.
            while not self._file.at_eof():
                if block := await self._file.read_chunk(MAX_BLOCK_BYTES):
                    await self._loop_budget.checkpoint()
                    yield block
                del block
            if self._schema.late:
                async for _ in self._read_parts():
                    yield b""
            elif await self._reader.next() is not None:
                raise Malformed("body", "the file must be its last part")

    async def _read_parts(self) -> AsyncIterator[int]:
        """Read parts up to the file, or to the end of the body after it. Yield how many bytes of a small file came."""
        file_field = self._schema.file_field
        while (part := await self._reader.next()) is not None:
            name, filename = _part_names(part)
            assert isinstance(part, BodyPartReader)
            _refuse_part_encoding(part)
            if name == self._schema.file:
                if self._file is not None:
                    raise Malformed(name, "it came twice")
                self._file, self.filename = part, filename
                return
            if file_field is not None and name == file_field.name:
                async for size in self._read_file_field(part, file_field):
                    yield size
            else:
                await self._read_field(part, name)

    async def _read_file_field(self, part: BodyPartReader, file_field: FileField) -> AsyncIterator[int]:
        if self._file_field_seen:
            raise Malformed(file_field.name, "it came twice")
        self._file_field_seen = True
        gathered = bytearray()
        async for block in self._bounded_blocks(part, file_field.limit, file_field.too_large):
            if block and not gathered:
                await file_field.reserve(late=self._file is not None)
            gathered += block
            yield len(block)
        # A page sends an empty part for a file that was not chosen.
        self._file_field = bytes(gathered) or None

    async def _read_field(self, part: BodyPartReader, name: str) -> None:
        if name not in self._schema.fields:
            raise Malformed("body", f"beside {self._schema.file} only these fields may come: {self._field_names()}")
        if name in self.fields:
            raise Malformed(name, "it came twice")
        too_large = Malformed(name, f"it is longer than {MAX_FIELD_BYTES} bytes")
        text = b"".join([block async for block in self._bounded_blocks(part, MAX_FIELD_BYTES, lambda: too_large)])
        self.fields[name] = text.decode()

    def _field_names(self) -> str:
        return ", ".join(self._schema.fields)

    async def _bounded_blocks(
        self, part: BodyPartReader, limit: int, too_large: Callable[[], Refusal]
    ) -> AsyncIterator[bytes]:
        """Yield all of a part. Raise `too_large`."""
        size = 0
        while not part.at_eof():
            block = await part.read_chunk(MAX_FIELD_BYTES)
            await self._loop_budget.checkpoint()
            size += len(block)
            if size > limit:
                raise too_large()
            yield block


class _StrictMultipartReader(MultipartReader):
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


def _make_reader(request: Request) -> MultipartReader:
    return _StrictMultipartReader(
        request.headers, request.content, max_field_size=MAX_PART_HEADER_BYTES, max_headers=MAX_PART_HEADERS
    )


def parse_disposition(header: str) -> tuple[str | None, str | None, str | None]:
    """Return the kind, `name` and `filename` of a Content-Disposition. Raise Malformed."""
    try:
        return _parse_disposition(header)
    except (ValueError, LookupError, RecursionError):
        # Charsets and continuations are the client's, and aiohttp does not expect all of them.
        raise Malformed(hdrs.CONTENT_DISPOSITION, "it cannot be parsed") from None


@lru_cache(CACHED_DISPOSITIONS)
def _parse_disposition(header: str) -> tuple[str | None, str | None, str | None]:
    # aiohttp takes longer to read this field than all else before a slice, and it reads it at every question.
    kind, parameters = parse_content_disposition(header)
    return kind, content_disposition_filename(parameters, "name"), content_disposition_filename(parameters)


def _part_names(part: MultipartReader | BodyPartReader) -> tuple[str, str | None]:
    """Return the part's name and file name. Raise Malformed if it has no name or is a multipart body itself."""
    _, name, filename = parse_disposition(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))
    if name is None or not isinstance(part, BodyPartReader):
        raise Malformed("body", "every part needs a name")
    return name, filename


def _check_size(request: Request, schema: FormSchema) -> None:
    """Raise LengthRequired for a request that frames no body, and `too_large` for one that is too long."""
    if request.content_length is None and hdrs.TRANSFER_ENCODING not in request.headers:
        raise LengthRequired
    field_bytes = schema.file_field.limit if schema.file_field else 0
    if (request.content_length or 0) > schema.limit + MAX_OVERHEAD_BYTES + field_bytes:
        raise schema.too_large()


def _refuse_part_encoding(part: BodyPartReader) -> None:
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
