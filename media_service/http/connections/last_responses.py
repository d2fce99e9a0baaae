"""Tell clients that their connection ends with the response, while the process retires."""

from __future__ import annotations

from aiohttp import hdrs, web


class LastResponses:
    """Mark every response as the last one of its connection, from `begin` on."""

    def __init__(self) -> None:
        self._begun = False

    def begin(self) -> None:
        """Mark the responses from now on."""
        self._begun = True

    async def mark(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Mark this response; a signal handler of `on_response_prepare`."""
        if self._begun:
            response.force_close()
            # aiohttp has written this header before its signal.
            response.headers[hdrs.CONNECTION] = "close"
