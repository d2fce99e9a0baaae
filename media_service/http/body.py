"""Request bodies, read within bounds: nothing is read before it is admitted, nothing is gathered without a limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from aiohttp import ClientPayloadError, HttpVersion11, hdrs
from aiohttp.web import Request, RequestPayloadError, StreamResponse
from pydantic import BaseModel, ValidationError

from media_service.core.errors.requests import BodyCut, Malformed, RequestTimeout, UnsupportedMediaType
from media_service.http.body_timeouts import BODY_TIMEOUTS, body_timeout
from media_service.http.connections.protocol import evictable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from media_service.core.errors.base import Refusal
    from media_service.http.loop_budget import LoopBudget

MAX_BLOCK_BYTES = 256 * 1024
"""Bytes that are read at once at most."""

Model = TypeVar("Model", bound=BaseModel)


async def defer_continue(_request: Request) -> None:
    """An Expect handler that promises nothing: `send_continue` sends the 100 once the request is admitted."""


def expects_continue(request: Request) -> bool:
    """Whether the client holds its body back until it is asked for (RFC 9110 §10.1.1)."""
    return request.version >= HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"


async def send_continue(request: Request) -> None:
    """Tells a client that waits with its body to send it."""
    if expects_continue(request):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The interim answer is no part of the one that is still to come.
        request.writer.output_size = 0


async def close_if_ambiguous(request: Request, response: StreamResponse) -> None:
    """Ends the connection behind an answer where nobody can tell a rest of the body from another request.

    A client that was not asked for its body may go on with a request, which would be read as that body. And a length
    of 2**64 - 1 is none to aiohttp's parser, which would read such a body as requests.
    """
    if (expects_continue(request) and not request.content.is_eof()) or (
        request.content_length and not request.body_exists
    ):
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()


def refuse_content_encoding(request: Request) -> None:
    """Raises UnsupportedMediaType for a coded body: its bytes would not be the file's."""
    if any(coding.lower() != "identity" for coding in request.headers.getall(hdrs.CONTENT_ENCODING, ())):
        raise UnsupportedMediaType("bytes without Content-Encoding")


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body as this model. Raises UnsupportedMediaType, Malformed, BodyCut, RequestTimeout."""
    refuse_content_encoding(request)
    if request.content_type != "application/json":
        raise UnsupportedMediaType("application/json")
    try:
        return model.model_validate_json(await _read_small_body(request))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise Malformed(field, first["msg"]) from None


async def _read_small_body(request: Request) -> bytes:
    """Return a body of at most the application's `client_max_size`. Raises BodyCut, RequestTimeout."""
    seconds = request.app[BODY_TIMEOUTS].whole_seconds
    with evictable(request):
        try:
            async with asyncio.timeout(seconds):
                return await request.read()
        except TimeoutError:
            raise RequestTimeout(seconds) from None
        except (RequestPayloadError, ClientPayloadError, ConnectionError):
            raise BodyCut from None


async def read_blocks(request: Request, loop_budget: LoopBudget) -> AsyncIterator[bytes]:
    """The body as it comes, in the blocks in which the socket gave it. Raises BodyCut."""
    try:
        await send_continue(request)
        # An empty block is no end: aiohttp's reader of an empty body, one for all requests, tells its end only once.
        while not request.content.at_eof():
            block, _ = await request.content.readchunk()
            if block:
                await loop_budget.checkpoint()
                yield block
            # Otherwise each of many slow senders keeps a block in memory while the next is waited for.
            del block
    except (RequestPayloadError, ClientPayloadError, ConnectionError):
        raise BodyCut from None


async def read_body(
    request: Request, loop_budget: LoopBudget, limit: int, too_large: Callable[[], Refusal], seconds: float
) -> bytes:
    """All of a body that has at most `limit` bytes and never stands still for `seconds`.

    Raises UnsupportedMediaType, `too_large`, BodyCut, IdleTimeout, BodyTooSlow.
    """
    refuse_content_encoding(request)
    if (request.content_length or 0) > limit:
        raise too_large()
    body = bytearray()
    async with body_timeout(request, seconds) as count_bytes:
        async for block in read_blocks(request, loop_budget):
            if len(body) + len(block) > limit:
                raise too_large()
            body += block
            count_bytes(len(block))
    return bytes(body)
