"""The markup of the pages: `index.html` and `admin.html` filled in, and pages that only the server makes.

Each page is written in the language that the browser asks for. Those for browsers without scripts, which cannot change
the language, repeat each text in the other languages. All values are escaped here and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from media_service.http.pages.assets import make_asset
from media_service.http.pages.inline_assets import with_inline_assets
from media_service.http.pages.module_pack import entry_of
from media_service.http.pages.station import size_text
from media_service.http.pages.translations import DEFAULT_LANGUAGE, Translations, read_translations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from media_service.http.pages.assets import Asset, Assets, Release
    from media_service.http.pages.station import Station

OPTIONAL_FIELDS = {"title": 250, "artist": 250, "album": 250, "date": 10, "genre": 250, "comment": 1000}
"""Tags that the plain form asks for, and how many characters each may have."""

DATE_PATTERN = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
WAVE = (
    '<svg class="wave" viewBox="0 0 32 20" aria-hidden="true">'
    '<path d="M3 12V8M9 16V4M15 19V1M21 14V6M27 11.5V8.5"/></svg>'
)

_STATIC = re.compile(r'(?<=")static/(?![a-z]+(?:-\w+)?-[0-9a-f]{12}/)')
_TEXT = re.compile(r'data-words="([\w.]+)"([^>]*>)[^<]*(?=<)')
_LABEL = re.compile(r'aria-label="[^"]*"( ?)data-words-label="([\w.]+)"')


@dataclass(frozen=True, slots=True)
class Wording:
    """Words in the order in which a reader wants the languages."""

    words: Translations
    order: Sequence[str]

    @property
    def language(self) -> str:
        """Return the language of the page."""
        return self.order[0]

    def one(self, key: str, **values: object) -> str:
        """Return a text in the page's language, escaped; "" if there is none."""
        return escape(self.words.translate(self.language, key, **values) or "")

    def all(self, *keys: str, **values: object) -> str:
        """Return the first of these texts that there is, escaped, in the page's language and then in the others."""
        said: dict[str, str] = {}
        for language in self.order:
            text = next(filter(None, (self.words.translate(language, key, **values) for key in keys)), None)
            if text and text not in said.values():
                said[language] = text[0].upper() + text[1:]
        first = escape(said.pop(self.language, ""))
        rest = [f'<span lang="{language}">{escape(text)}</span>' for language, text in said.items()]
        return " ".join(filter(None, [first, *rest]))


@dataclass(slots=True)
class _Made:
    """What was made of one release."""

    release: Release
    words: Translations
    pages: dict[tuple[str, str], Asset] = field(default_factory=dict)


class PageMarkup:
    """Pages of a service below `base`, from the files in `assets`, for one station."""

    def __init__(self, assets: Assets, station: Station, base: str) -> None:
        self._assets = assets
        self._station = station
        self._base = base
        self._known: _Made | None = None

    def wording(self, accepted: str) -> Wording:
        """Return the words for a reader with this Accept-Language."""
        words = self._made().words
        return Wording(words, words.order(accepted))

    def page(self, name: str, accepted: str) -> Asset:
        """Return `index.html` or `admin.html` as it is sent to a reader with this Accept-Language."""
        made, wording = self._made(), self.wording(accepted)
        key = name, wording.language
        if key not in made.pages:
            release = made.release
            made.pages[key] = make_asset(self._filled(release, name, wording), ".html", release.stamps[name])
        return made.pages[key]

    def answer(self, wording: Wording, title: str, body: str) -> str:
        """Return a page that needs no scripts. `title` and `body` are markup."""
        static = f"{self._base}/static/v-{self._made().release.version}"
        plain_title = re.sub("<[^>]*>", "", title.partition("<span")[0]).strip()
        return _ANSWER.format(
            language=wording.language,
            static=static,
            home=f"{self._base}/",
            title=plain_title,
            mark=WAVE + escape(self._station.name or wording.one("page.title")),
            heading=title,
            body=body,
            foot=self._foot(wording),
        )

    def plain_form(self, wording: Wording, action: str, typed: Mapping[str, str]) -> str:
        """Return the form that works without scripts, with what was `typed` before."""

        def text_field(name: str, label: str, most: int, more: str = "") -> str:
            value = f' value="{escape(typed[name])}"' if typed.get(name) else ""
            return (
                f'<label class="field field-{name}"><span>{label}</span>'
                f'<input name="{name}" maxlength="{most}"{more}{value}></label>'
            )

        hint = wording.one("plain.date_format")
        date = f' inputmode="numeric" pattern="{escape(DATE_PATTERN)}" title="{hint}" placeholder="2026-11-23"'
        tags = "\n".join(
            text_field(name, wording.all(f"tag.{name}"), most, date if name == "date" else "")
            for name, most in OPTIONAL_FIELDS.items()
        )
        return _FORM.format(
            action=action,
            sender=text_field("name", wording.all("plain.name"), 200, ' autocomplete="name"'),
            file=wording.all("plain.file"),
            more=wording.all("plain.more"),
            open=" open" if any(typed.get(name) for name in OPTIONAL_FIELDS) else "",
            tags=tags,
            cover=wording.all("plain.cover"),
            send=wording.all("plain.send"),
        )

    def _made(self) -> _Made:
        release = self._assets.release()
        if self._known is None or self._known.release is not release:
            self._known = _Made(release, read_translations(release.texts))
        return self._known

    def _filled(self, release: Release, name: str, wording: Wording) -> str:
        """Return the markup of a page that stands in `static/`."""
        text = release.texts[name]
        folder = f"static/v-{release.version}/"
        text = text.replace("<!-- languages -->", _languages(release, wording, text))
        text = _with_modules(text, release, name.removesuffix(".html"), wording.language)
        text = _STATIC.sub(folder, with_inline_assets(text, release.texts))
        text = text.replace('<html lang="en">', f'<html lang="{wording.language}">')
        text = _LABEL.sub(
            lambda found: f'aria-label="{wording.one(found[2])}"{found[1]}data-words-label="{found[2]}"', text
        )
        text = _TEXT.sub(lambda found: self._worded(wording, found[1], found[2]), text)
        return text.replace("<!-- plain form -->", self._plain(wording)).replace("<!-- foot -->", self._foot(wording))

    def _worded(self, wording: Wording, key: str, rest: str) -> str:
        """Return the end of an element's tag and its text. The values stay beside the key, for other languages."""
        given = {"station": self._station.name, "limit": size_text(self._station.file_limit)}
        if self._station.name and wording.words.placeholders(wording.language, f"{key}_station") is not None:
            key = f"{key}_station"
        needed = wording.words.placeholders(wording.language, key) or []
        values = {name: given[name] for name in needed if name in given}
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in values.items())
        return f'data-words="{key}"{data}{rest}{wording.one(key, **values)}'

    def _plain(self, wording: Wording) -> str:
        heading = ("page.heading_station",) if self._station.name else ()
        return (
            f"<h1>{wording.all(*heading, 'page.heading', station=self._station.name)}</h1>\n"
            f'  <p class="lead">{wording.all("plain.lead")}</p>\n'
            f"{self.plain_form(wording, 'upload', {})}"
        )

    def _foot(self, wording: Wording) -> str:
        """Return the foot of each page: how large a file may be, and how to reach the station."""
        limit = '<span data-words="page.limit"></span>'
        foot = _TEXT.sub(lambda found: self._worded(wording, found[1], found[2]), limit)
        if self._station.contact:
            text, link = escape(self._station.contact_text), self._station.link
            shown = f'<a href="{escape(link)}">{text}</a>' if link else f"<span>{text}</span>"
            label = f'<span data-words="page.contact">{wording.one("page.contact")}</span>'
            foot += f'\n  <span class="contact">{label} {shown}</span>'
        return f'<footer class="foot">\n  {foot}\n</footer>'


def _with_modules(page: str, release: Release, stem: str, language: str) -> str:
    """Return a page's markup with its modules in the folder of a language, and links to what it needs beside."""
    tag = next((tag for tag in (language, DEFAULT_LANGUAGE) if f"{stem}-{tag}" in release.packs), None)
    if tag is None:
        return page.replace("<!-- modules -->\n", "")
    pack, folder = release.packs[f"{stem}-{tag}"], f"static/{stem}-{tag}-{release.version}"
    links = "".join(f'<link rel="modulepreload" href="{folder}/{name}">\n' for name in pack.beside)
    script = f'"static/{pack.entry}"'
    return page.replace(script, f'"{folder}/{pack.entry}"').replace("<!-- modules -->\n", links)


def _languages(release: Release, wording: Wording, page: str) -> str:
    """Return a button for each language that the page's module has words for."""
    folder = entry_of(page).rpartition("/")[0]
    return "\n    ".join(
        f'<button type="button" data-language="{tag}" lang="{tag}">'
        f"{escape(wording.words.translate(tag, 'language') or tag)}</button>"
        for tag in wording.words.languages
        if f"{folder}/words.{tag}.js" in release.texts
    )


_ANSWER = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="same-origin">
<title>{title}</title>
<link rel="icon" href="{static}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{static}/style.css">
</head>
<body class="upload-page">
<header class="top"><p class="mark"><a href="{home}">{mark}</a></p></header>
<main class="plain">
<h1>{heading}</h1>
{body}
</main>
{foot}
</body>
</html>
"""

_FORM = """  <form action="{action}" method="post" enctype="multipart/form-data">
    {sender}
    <label class="field file"><span>{file}</span>
      <input type="file" name="mp3" accept=".mp3,audio/mpeg" required></label>
    <details{open}><summary>{more}</summary>
    <div class="fields">
{tags}
    <label class="field file field-cover"><span>{cover}</span>
      <input type="file" name="cover" accept="image/jpeg,image/png,image/webp,image/gif"></label>
    </div></details>
    <p><button class="main" type="submit">{send}</button></p>
  </form>"""
