"""Put a page's style sheets and classic scripts into its markup, and allow them in its Content-Security-Policy.

A file that the first paint waits for would cost a request, and the connection for it. The markup with these files fits
into the 14 KB that TCP sends at once.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from media_service.http.pages.comments import compacted
from media_service.http.security.headers import CSP

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLE = re.compile(r'<link rel="stylesheet" href="static/([^"]+)">')
_SCRIPT = re.compile(r'<script src="static/([^"]+)"></script>')
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


def with_inline_assets(page: str, texts: Mapping[str, str]) -> str:
    """Return a page's markup with its style sheets and classic scripts. `texts`: by name in `static/`."""
    page = _STYLE.sub(lambda found: f"<style>{_text(texts[found[1]])}</style>", page)
    return _SCRIPT.sub(lambda found: f"<script>{_text(texts[found[1]])}</script>", page)


def policy_of(page: str) -> str:
    """Return the Content-Security-Policy that allows, by digest, the styles and scripts in a page's markup."""
    policy = CSP
    for kind, text in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        policy = policy.replace(f"{kind}-src 'self'", f"{kind}-src 'self' 'sha256-{digest}'")
    return policy


def _text(text: str) -> str:
    """Return a file's text for an element. Raise ValueError if it would end the element."""
    text = re.sub(r"\n{2,}", "\n", compacted(text))
    if re.search(r"</(?:style|script)|<!--", text, re.IGNORECASE):
        raise ValueError("the text of a style sheet or script ends its own element")
    return text
