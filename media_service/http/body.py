"""Read request bodies, within limits and after the request was admitted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, TypeVar

from aiohttp import ClientPayloadError, HttpVersion11, hdrs
from aiohttp.web import Request, RequestPayloadError, StreamResponse
from pydantic import BaseModel, Field, ValidationError

from media_service.core.errors.requests import BodyCut, Malformed, RequestTimeout, UnsupportedMediaType
from media_service.core.limits import JSON_TEXT_CHARACTERS
from media_service.http.body_timeouts import BODY_TIMEOUTS, body_timeout
from media_service.http.connections.protocol import evictable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from media_service.core.errors.base import Refusal
    from media_service.http.loop_budget import LoopBudget

Text = Annotated[str, Field(max_length=JSON_TEXT_CHARACTERS)]
Model = TypeVar("Model", bound=BaseModel)


async def defer_continue(_request: Request) -> None:
    """Do nothing, instead of aiohttp's Expect handler: `send_continue` sends 100 after the request was admitted."""


def expects_continue(request: Request) -> bool:
    """Return whether the client waits for 100 Continue before it sends the body (RFC 9110, section 10.1.1)."""
    return request.version >= HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"


async def send_continue(request: Request) -> None:
    """Send 100 Continue if the client expects it."""
    if expects_continue(request):
        await send_interim_response(request, b"HTTP/1.1 100 Continue\r\n\r\n")


async def send_interim_response(request: Request, message: bytes) -> None:
    """Send a 1xx response."""
    await request.writer.write(message)
    # aiohttp would count these bytes as part of the final response.
    request.writer.output_size = 0


async def close_if_ambiguous(request: Request, response: StreamResponse) -> None:
    """Close the connection after a response if the rest of the body could be mistaken for a request."""
    # A client that got no 100 may send its next request instead of the body; it would be read as that body. And
    # aiohttp's parser ignores a Content-Length of 2**64 - 1, so it would parse that body as requests.
    if (expects_continue(request) and not request.content.is_eof()) or (
        request.content_length and not request.body_exists
    ):
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()


def refuse_content_encoding(request: Request) -> None:
    """Raise UnsupportedMediaType for a Content-Encoding: the received bytes would not be those of the file."""
    if any(coding.lower() != "identity" for coding in request.headers.getall(hdrs.CONTENT_ENCODING, ())):
        raise UnsupportedMediaType("a body without Content-Encoding")


async def read_json(request: Request, model: type[Model]) -> Model:
    """Return the body as this model. Raise UnsupportedMediaType, Malformed, BodyCut, RequestTimeout."""
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
    """Return the body, at most `client_max_size` bytes of the application. Raise BodyCut, RequestTimeout."""
    seconds = request.app[BODY_TIMEOUTS].whole_seconds
    with evictable(request):
        try:
            async with asyncio.timeout(seconds):
                return await request.read()
        except TimeoutError:
            raise RequestTimeout(seconds) from None
        except (RequestPayloadError, ClientPayloadError, ConnectionError):
            raise BodyCut from None


class RequestBody:
    """The raw body of a request. Its first block sends 100 Continue."""

    def __init__(self, request: Request, loop_budget: LoopBudget) -> None:
        self._request = request
        self._loop_budget = loop_budget

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in the blocks read from the socket. Raise BodyCut."""
        content = self._request.content
        try:
            await send_continue(self._request)
            # An empty block is not always the end: aiohttp shares one reader between empty bodies; it returns it once.
            while not content.at_eof():
                block, _ = await content.readchunk()
                if block:
                    await self._loop_budget.checkpoint()
                    yield block
                # Without this, each slow client would keep a block in memory during the next read.
                del block
        except (RequestPayloadError, ClientPayloadError, ConnectionError):
            raise BodyCut from None


async def read_body(
    request: Request, loop_budget: LoopBudget, limit: int, too_large: Callable[[], Refusal], seconds: float
) -> bytes:
    """Return the whole body. Raise UnsupportedMediaType, `too_large`, BodyCut, and what `body_timeout` raises."""
    refuse_content_encoding(request)
    if (request.content_length or 0) > limit:
        raise too_large()
    body = bytearray()
    async with body_timeout(request, seconds) as count_bytes:
        async for block in RequestBody(request, loop_budget):
            if len(body) + len(block) > limit:
                raise too_large()
            body += block
            count_bytes(len(block))
    return bytes(body)
