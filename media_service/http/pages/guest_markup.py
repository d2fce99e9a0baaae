"""Markup of a guest link's page: the upload page, with what the link says and asks in its part without scripts."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from media_service.core.guest_links import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.guest_links import GuestLink

ROOT = "../"
"""The service's root, relative to the page `/u/SECRET`. The page's module reads it from the element below."""

LINK_ELEMENT = f'<meta name="media-service-link" content="{ROOT}">'

_REFERRER = re.compile(r'<meta name="referrer" content="[^"]*">')
_WITHOUT_SCRIPTS = re.compile(r'(<main class="plain">).*?(</main>)', re.DOTALL)
_INPUTS = {
    "name": ' autocomplete="name"',
    "email": ' type="email" autocomplete="email"',
    "title": "",
}


def guest_page(upload_page: str, without_scripts: str) -> str:
    """Return the upload page as that of a link, with this markup for browsers without scripts.

    It does not have the secret, so that nothing on it can pass it on.
    """
    page = upload_page.replace('"static/', f'"{ROOT}static/')
    page = _REFERRER.sub(f'<meta name="referrer" content="no-referrer">\n{LINK_ELEMENT}', page, count=1)
    return _WITHOUT_SCRIPTS.sub(lambda found: f"{found[1]}\n{without_scripts}\n{found[2]}", page, count=1)


def greeting(link: GuestLink, *, with_note: bool) -> str:
    """Return the title of a link, and its note."""
    note = "<br>".join(escape(line) for line in link.note.splitlines()) if with_note else ""
    return f"<h1>{escape(link.title)}</h1>" + (f'\n  <p class="note">{note}</p>' if note else "")


def guest_fields(text: Callable[[str], str], link: GuestLink | None) -> dict[str, tuple[str, str]]:
    """Return label and attributes of the fields of a link: what it asks, and the passphrase.

    `text` returns the markup of a text by its key.
    """
    if link is None:
        return {}
    fields = {}
    for name, attributes in _INPUTS.items():
        ask: Ask = getattr(link.asks, name)
        if ask is not Ask.NO:
            required = " required" if ask is Ask.REQUIRED else ""
            fields[name] = (text(f"plain.{ask.value}.{name}"), f"{attributes}{required}")
    if link.passphrase is not None:
        fields["passphrase"] = (text("plain.passphrase"), ' type="password" autocomplete="off"')
    return fields
