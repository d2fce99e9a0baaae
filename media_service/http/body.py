"""Request bodies, read within bounds: nothing is read before it is admitted, nothing is gathered without a limit."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from aiohttp import (
    BodyPartReader,
    ClientPayloadError,
    HttpVersion11,
    MultipartReader,
    content_disposition_filename,
    hdrs,
    parse_content_disposition,
)
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import Request, RequestPayloadError, StreamResponse
from pydantic import BaseModel, ValidationError

from media_service.core.errors import (
    BodyCut,
    LengthRequired,
    Malformed,
    RequestTimeout,
    UnsupportedMediaType,
)
from media_service.http.body_times import BODY_TIMES, timed
from media_service.http.protocol import interruptible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator

    from media_service.core.errors import Refusal
    from media_service.http.turns import Turns

BLOCK = 256 * 1024
"""Bytes that are read at once at most."""

OVERHEAD = 64 * 1024
"""Bytes that the other fields and the boundaries of a multipart body may add to its file."""

FIELD = 8 * 1024
"""Bytes of one text field."""

IDENTITY_ENCODINGS = frozenset({"binary", "8bit", "7bit"})

DISPOSITIONS = 64
"""Content-Disposition fields that are remembered; a client says the same ones for every slice."""

Model = TypeVar("Model", bound=BaseModel)


async def expect_later(_request: Request) -> None:
    """An Expect handler that promises nothing: `go_on` sends the 100 once the request is admitted."""


def waits(request: Request) -> bool:
    """Whether the client holds its body back until it is asked for (RFC 9110 §10.1.1)."""
    return request.version >= HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"


async def go_on(request: Request) -> None:
    """Tells a client that waits with its body to send it."""
    if waits(request):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The interim answer is no part of the one that is still to come.
        request.writer.output_size = 0


async def part_when_unclear(request: Request, response: StreamResponse) -> None:
    """Ends the connection behind an answer where nobody can tell a rest of the body from another request.

    A client that was not asked for its body may go on with a request, which would be read as that body. And a length
    of 2**64 - 1 is none to aiohttp's parser, which would read such a body as requests.
    """
    if (waits(request) and not request.content.is_eof()) or (request.content_length and not request.body_exists):
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()


def refuse_coding(request: Request) -> None:
    """Raises UnsupportedMediaType for a coded body: its bytes would not be the file's."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedMediaType("bytes without Content-Encoding")


async def json_body(request: Request, model: type[Model]) -> Model:
    """The body as this model. Raises UnsupportedMediaType, Malformed, BodyCut, RequestTimeout."""
    refuse_coding(request)
    if request.content_type != "application/json":
        raise UnsupportedMediaType("application/json")
    try:
        return model.model_validate_json(await _small_body(request))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise Malformed(field, first["msg"]) from None


async def _small_body(request: Request) -> bytes:
    """Return a body of at most the application's `client_max_size`. Raises BodyCut, RequestTimeout."""
    seconds = request.app[BODY_TIMES].whole
    with interruptible(request):
        try:
            async with asyncio.timeout(seconds):
                return await request.read()
        except TimeoutError:
            raise RequestTimeout(seconds) from None
        except (RequestPayloadError, ClientPayloadError, ConnectionError):
            raise BodyCut from None


async def raw_blocks(request: Request, turns: Turns) -> AsyncIterator[bytes]:
    """The body as it comes, in the blocks in which the socket gave it. Raises BodyCut."""
    try:
        await go_on(request)
        # An empty block is no end: aiohttp's reader of an empty body, one for all requests, tells its end only once.
        while not request.content.at_eof():
            block, _ = await request.content.readchunk()
            if block:
                await turns.take()
                yield block
            # Otherwise each of many slow senders keeps a block in memory while the next is waited for.
            del block
    except (RequestPayloadError, ClientPayloadError, ConnectionError):
        raise BodyCut from None


async def whole_body(
    request: Request, turns: Turns, limit: int, too_large: Callable[[], Refusal], seconds: float
) -> bytes:
    """All of a body that has at most `limit` bytes and never stands still for `seconds`.

    Raises UnsupportedMediaType, `too_large`, BodyCut, IdleTimeout, BodyTooSlow.
    """
    refuse_coding(request)
    if (request.content_length or 0) > limit:
        raise too_large()
    body = bytearray()
    async with timed(request, seconds) as moved:
        async for block in raw_blocks(request, turns):
            if len(body) + len(block) > limit:
                raise too_large()
            body += block
            moved(len(block))
    return bytes(body)


@dataclass(frozen=True, slots=True)
class Small:
    """A file that may come before a form's file: its field, and how many bytes it may have."""

    name: str
    limit: int
    too_large: Callable[[], Refusal]


class Form:
    """A multipart/form-data body whose text fields, and a small file, come before its one file."""

    def __init__(
        self, reader: MultipartReader, file: BodyPartReader, fields: dict[str, str], small: bytes | None
    ) -> None:
        self._reader = reader
        self._file = file
        self.fields = fields
        self.small = small
        self.filename = _disposition(file)[1]

    @classmethod
    async def open(
        cls,
        request: Request,
        *,
        file: str,
        fields: Collection[str],
        limit: int,
        too_large: Callable[[], Refusal],
        seconds: float,
        small: Small | None = None,
    ) -> Form:
        """Reads up to the first byte of the part named `file`, within `seconds`, or as long as a small file moves.

        Before it only `fields` and the `small` file may come, each once. `limit` bytes are the most the file may have.
        Raises UnsupportedMediaType, LengthRequired, `too_large`, that of the small file, Malformed, BodyCut,
        IdleTimeout, BodyTooSlow.
        """
        refuse_coding(request)
        if request.content_type != "multipart/form-data":
            raise UnsupportedMediaType("multipart/form-data")
        # Without a length nothing bounds what may stand before the first boundary.
        if request.content_length is None:
            raise LengthRequired
        if request.content_length > limit + OVERHEAD + (small.limit if small else 0):
            raise too_large()
        await go_on(request)
        async with timed(request, seconds) as moved:
            with _multipart_errors():
                return await cls._read_fields(await request.multipart(), file, fields, small, moved)

    @classmethod
    async def _read_fields(
        cls,
        reader: MultipartReader,
        file: str,
        known: Collection[str],
        small: Small | None,
        moved: Callable[[int], None],
    ) -> Form:
        fields: dict[str, str] = {}
        gathered: bytes | None = None
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or (name := _disposition(part)[0]) is None:
                raise Malformed("body", "every part needs a name")
            _refuse_part_coding(part)
            if name == file:
                # A page sends an empty part for a file that nobody chose.
                return cls(reader, part, fields, gathered or None)
            if small is not None and name == small.name and gathered is None:
                gathered = await _gathered(part, small.limit, small.too_large, moved)
                continue
            if name not in known:
                raise Malformed("body", f"before {file} only these fields may come: {', '.join(known)}")
            if name in fields:
                raise Malformed(name, "it came twice")
            fields[name] = await _text(part, name)
        raise Malformed(file, "it is missing")

    async def blocks(self, turns: Turns) -> AsyncIterator[bytes]:
        """The file's bytes, then a look at the end of the body: nothing may follow. Raises Malformed, BodyCut."""
        with _multipart_errors():
            # An empty block is no end: only `at_eof` is.
            while not self._file.at_eof():
                if block := await self._file.read_chunk(BLOCK):
                    await turns.take()
                    yield block
                del block
            if await self._reader.next() is not None:
                raise Malformed("body", "the file must be its last part")


def _refuse_part_coding(part: BodyPartReader) -> None:
    """Raises UnsupportedMediaType. A base64 part would also make aiohttp gather it without bound."""
    coded = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "binary").lower() not in IDENTITY_ENCODINGS
    if coded or hdrs.CONTENT_ENCODING in part.headers:
        raise UnsupportedMediaType("parts without a coding")


async def _text(part: BodyPartReader, name: str) -> str:
    return (await _gathered(part, FIELD, lambda: Malformed(name, f"it is longer than {FIELD} bytes"))).decode()


async def _gathered(
    part: BodyPartReader, limit: int, too_large: Callable[[], Refusal], moved: Callable[[int], None] | None = None
) -> bytes:
    """All of a part. Raises `too_large`."""
    value = bytearray()
    while not part.at_eof():
        block = await part.read_chunk(FIELD)
        value += block
        if len(value) > limit:
            raise too_large()
        if moved is not None:
            moved(len(block))
    return bytes(value)


def _disposition(part: BodyPartReader) -> tuple[str | None, str | None]:
    """The part's name and the file's."""
    return _names_in(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))


@lru_cache(DISPOSITIONS)
def _names_in(disposition: str) -> tuple[str | None, str | None]:
    # aiohttp takes longer to read this field than all else before a slice, and it reads it at every question.
    _, parameters = parse_content_disposition(disposition)
    return content_disposition_filename(parameters, "name"), content_disposition_filename(parameters)


@contextmanager
def _multipart_errors() -> Iterator[None]:
    """Raises Malformed or BodyCut for what aiohttp raises on a body that is no multipart/form-data."""
    try:
        yield
    except (RequestPayloadError, ClientPayloadError):
        raise BodyCut from None
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
        raise Malformed("body", "it is no well-formed multipart/form-data") from error
