"""Names and attributes of the cookies, so that they are as safe as the connection allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aiohttp import hdrs

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True, slots=True)
class Cookies:
    """Cookies under `path`. `https`: clients reach the service by https only, because `public_url` says so."""

    path: str
    https: bool

    def read(self, request: web.Request, name: str) -> str:
        """Return the cookie's value, "" without one.

        With `https` only the prefixed name counts: a cookie without the prefix may come from another host of the site.
        """
        # Scripts send no cookies: this check costs less than parsing nothing.
        if hdrs.COOKIE not in request.headers:
            return ""
        names = (self._prefixed(name),) if self.https else (self._prefixed(name), name)
        return next((request.cookies[each] for each in names if each in request.cookies), "")

    def write(
        self,
        response: web.StreamResponse,
        name: str,
        value: str,
        *,
        seconds: int,
        samesite: Literal["Lax", "Strict"],
        secure: bool = False,
    ) -> None:
        """Set a cookie that scripts of the page cannot read; `secure` also if the request came by https."""
        secure = secure or self.https
        response.set_cookie(
            self._prefixed(name) if secure else name,
            value,
            path=self.path,
            max_age=seconds,
            httponly=True,
            secure=secure,
            samesite=samesite,
        )

    def delete(self, request: web.Request, response: web.StreamResponse, name: str) -> None:
        """Delete the cookie under each name that the browser sent it by."""
        for each in (name, self._prefixed(name)):
            if each in request.cookies:
                response.del_cookie(each, path=self.path, secure=each != name, httponly=True)

    def _prefixed(self, name: str) -> str:
        # Browsers accept __Host- only with the path /, and both prefixes only with Secure.
        return f"__Host-{name}" if self.path == "/" else f"__Secure-{name}"
