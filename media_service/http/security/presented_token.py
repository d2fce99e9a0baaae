"""The token that a request presents."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from aiohttp import hdrs

if TYPE_CHECKING:
    from aiohttp import web


def presented_token(request: web.Request) -> str | None:
    """Return the secret of a link's URL, else the token of the Authorization field; None without one.

    Scripts and players that know only Basic authentication send it as the password (RFC 7617), with any user name.
    """
    if (secret := request.match_info.get("secret")) is not None:
        return secret
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return decoded.partition(":")[2]
    return None
