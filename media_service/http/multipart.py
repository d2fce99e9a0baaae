"""Parse multipart/form-data bodies as they arrive: a large file, text fields and a small file.

The body may have no length, so each part of it is limited: no preamble, known fields only, each once, few part headers.
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
from media_service.http.body import refuse_content_encoding, send_continue
from media_service.http.body_timeouts import body_timeout
from media_service.http.connections.protocol import MAX_READ_BYTES
from media_service.http.part_reader import BlockPartReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator

    from media_service.core.errors.base import Refusal
    from media_service.http.loop_budget import LoopBudget

MAX_OVERHEAD_BYTES = 64 * 1024  # that fields and boundaries may add to the file
MAX_FIELD_BYTES = 8 * 1024  # of a text field, and of one read of the small file
MAX_PART_HEADERS = 32
MAX_PART_HEADER_BYTES = 8190  # a file name of 255 characters, percent-encoded twice, fits
IDENTITY_ENCODINGS = frozenset({"binary", "8bit", "7bit"})
CACHED_DISPOSITIONS = 64  # a client sends the same ones with every slice


class ReserveMemory(Protocol):
    """Reserve memory before a small file is read. `after_file`: the main file was received before."""

    async def __call__(self, *, after_file: bool) -> None:
        """Return when the memory is reserved. May raise, to refuse the small file."""


@dataclass(frozen=True, slots=True)
class FileField:
    """A small file that is sent with the main file."""

    name: str
    max_bytes: int
    too_large: Callable[[], Refusal]
    reserve: ReserveMemory


@dataclass(frozen=True, slots=True)
class FormSchema:
    """The fields of a form. `allow_trailing_fields`: text fields and the small file may come after the main file."""

    main_field: str
    text_fields: Collection[str]
    max_file_bytes: int
    too_large: Callable[[], Refusal]
    file_field: FileField | None = None
    allow_trailing_fields: bool = False


class MultipartForm:
    """A multipart/form-data body, read up to the main file. `blocks` also adds the fields after it to `fields`."""

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
        """Read up to the first byte of the main file. Text fields are added to `fields`, also if the form is refused.

        Raise UnsupportedMediaType, LengthRequired, Malformed, BodyCut, and what `too_large`, `reserve` and
        `body_timeout` raise.
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
            raise Malformed(schema.main_field, "missing")
        return form

    def pop_file_field(self) -> bytes | None:
        """Return the small file received since the last call, if any, and free its memory."""
        file_field, self._file_field = self._file_field, None
        return file_field

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the main file's blocks, then empty ones while trailing parts arrive: they reset the idle timeout."""
        assert self._file is not None
        with _multipart_errors():
            while not self._file.at_eof():
                if block := await self._file.read_chunk(MAX_READ_BYTES):
                    await self._loop_budget.checkpoint()
                    yield block
                del block
            if self._schema.allow_trailing_fields:
                async for _ in self._read_parts():
                    yield b""
            elif await self._reader.next() is not None:
                raise Malformed("body", "the file must be the last part")

    async def _read_parts(self) -> AsyncIterator[int]:
        """Read parts up to the main file, or after it to the end. Yield the size of each block of the small file."""
        file_field = self._schema.file_field
        while (part := await self._reader.next()) is not None:
            name, filename = _part_names(part)
            assert isinstance(part, BodyPartReader)
            _refuse_part_encoding(part)
            if name == self._schema.main_field:
                if self._file is not None:
                    raise Malformed(name, "sent twice")
                self._file, self.filename = part, filename
                return
            if file_field is not None and name == file_field.name:
                async for size in self._read_file_field(part, file_field):
                    yield size
            else:
                await self._read_field(part, name)

    async def _read_file_field(self, part: BodyPartReader, file_field: FileField) -> AsyncIterator[int]:
        if self._file_field_seen:
            raise Malformed(file_field.name, "sent twice")
        self._file_field_seen = True
        content = bytearray()
        async for block in self._bounded_blocks(part, file_field.max_bytes, file_field.too_large):
            await self._loop_budget.checkpoint()
            if block and not content:
                await file_field.reserve(after_file=self._file is not None)
            content += block
            yield len(block)
        # Browsers send an empty part if no file was chosen.
        self._file_field = bytes(content) or None

    async def _read_field(self, part: BodyPartReader, name: str) -> None:
        if name not in self._schema.text_fields:
            allowed = ", ".join(self._schema.text_fields)
            raise Malformed("body", f"besides {self._schema.main_field}, only these fields are allowed: {allowed}")
        if name in self.fields:
            raise Malformed(name, "sent twice")
        too_large = Malformed(name, f"longer than {MAX_FIELD_BYTES} bytes")
        # Without the loop budget, as headers: fields are few and small. With it, slices of 64 KiB from 64 connections
        # waited three times for their turn, and cost 10 % more.
        text = b"".join([block async for block in self._bounded_blocks(part, MAX_FIELD_BYTES, lambda: too_large)])
        self.fields[name] = text.decode()

    async def _bounded_blocks(
        self, part: BodyPartReader, limit: int, too_large: Callable[[], Refusal]
    ) -> AsyncIterator[bytes]:
        """Yield a whole part. Raise `too_large` if it exceeds `limit` bytes."""
        size = 0
        while not part.at_eof():
            block = await part.read_chunk(MAX_FIELD_BYTES)
            size += len(block)
            if size > limit:
                raise too_large()
            yield block


class StrictMultipartReader(MultipartReader):
    """aiohttp's reader, without a preamble and without `_charset_`, which is a field as any other."""

    part_reader_cls = BlockPartReader

    async def fetch_next_part(self) -> MultipartReader | BodyPartReader:
        """Return the next part, whose headers were read."""
        # `_last_part` is private to aiohttp (3.9 to 3.14). Unless it is set, `next` parses the Content-Disposition of
        # every part to find `_charset_`: 65 us each, half of what multipart cost more than raw for 64 KiB.
        self._last_part = await super().fetch_next_part()
        return self._last_part

    async def _read_until_first_boundary(self) -> None:
        """Read the first boundary, after at most one empty line. Raise ValueError."""
        # aiohttp skips a preamble line by line without yielding: short lines at 1.5 MB/s block the event loop.
        line = await self._readline()
        if line == b"\r\n":
            line = await self._readline()
        line = line.rstrip()
        self._at_eof = line == self._boundary + b"--"
        if line != self._boundary and not self._at_eof:
            raise ValueError("the body does not start with its boundary")


def _make_reader(request: Request) -> MultipartReader:
    return StrictMultipartReader(
        request.headers, request.content, max_field_size=MAX_PART_HEADER_BYTES, max_headers=MAX_PART_HEADERS
    )


def parse_disposition(header: str) -> tuple[str | None, str | None, str | None]:
    """Return the type, `name` and `filename` of a Content-Disposition. Raise Malformed."""
    try:
        return _parse_disposition(header)
    except (ValueError, LookupError, RecursionError):
        # aiohttp raises these for unknown charsets and invalid continuations.
        raise Malformed(hdrs.CONTENT_DISPOSITION, "cannot be parsed") from None


@lru_cache(CACHED_DISPOSITIONS)
def _parse_disposition(header: str) -> tuple[str | None, str | None, str | None]:
    # Parsing this field takes longer than everything else before a slice, and aiohttp does it at each access.
    kind, parameters = parse_content_disposition(header)
    return kind, content_disposition_filename(parameters, "name"), content_disposition_filename(parameters)


def _part_names(part: MultipartReader | BodyPartReader) -> tuple[str, str | None]:
    """Return the part's name and file name. Raise Malformed if it has no name or is itself multipart."""
    _, name, filename = parse_disposition(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))
    if name is None or not isinstance(part, BodyPartReader):
        raise Malformed("body", "every part must have a name")
    return name, filename


def _check_size(request: Request, schema: FormSchema) -> None:
    """Raise LengthRequired if the request has no body, `too_large` if its Content-Length is too large."""
    if request.content_length is None and hdrs.TRANSFER_ENCODING not in request.headers:
        raise LengthRequired
    field_bytes = schema.file_field.max_bytes if schema.file_field else 0
    if (request.content_length or 0) > schema.max_file_bytes + MAX_OVERHEAD_BYTES + field_bytes:
        raise schema.too_large()


def _refuse_part_encoding(part: BodyPartReader) -> None:
    """Raise UnsupportedMediaType for an encoded part. aiohttp would also buffer a base64 part without limit."""
    coded = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "binary").lower() not in IDENTITY_ENCODINGS
    if coded or hdrs.CONTENT_ENCODING in part.headers:
        raise UnsupportedMediaType("parts without Content-Encoding or Content-Transfer-Encoding")


@contextmanager
def _multipart_errors() -> Iterator[None]:
    """Turn aiohttp's errors for a body that is not multipart/form-data into Malformed or BodyCut."""
    try:
        yield
    except (RequestPayloadError, ClientPayloadError):
        raise BodyCut from None
    except (ValueError, LookupError, AssertionError, RuntimeError, HttpProcessingError) as error:
        raise Malformed("body", "not well-formed multipart/form-data") from error
