"""Read and write cookies, with the safest prefix and attributes that the connection allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aiohttp import hdrs

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True, slots=True)
class Cookies:
    """Cookies for `path`. `https`: `public_url` is an https URL, so clients use nothing else."""

    path: str
    https: bool

    def read(self, request: web.Request, name: str) -> str:
        """Return the cookie's value, "" if it is missing."""
        # Most clients send no cookies, and aiohttp is slower to find that out.
        if hdrs.COOKIE not in request.headers:
            return ""
        # Another host of the site can set a cookie without the prefix.
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
        """Set a cookie that scripts cannot read, for `seconds`. `secure`: the request came over https."""
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
        """Delete the cookie under each of its names that the request has."""
        for each in (name, self._prefixed(name)):
            if each in request.cookies:
                response.del_cookie(each, path=self.path, secure=each != name, httponly=True)

    def _prefixed(self, name: str) -> str:
        # Browsers accept __Host- only with the path "/", and both prefixes only with Secure (RFC 6265bis).
        return f"__Host-{name}" if self.path == "/" else f"__Secure-{name}"
