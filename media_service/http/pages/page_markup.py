"""Render `index.html`, `admin.html` and the pages for browsers without scripts, in the language of the reader.

Without scripts the language cannot be changed, so those pages repeat each text in the other languages. Only this module
escapes values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from media_service.http.pages.assets import make_asset
from media_service.http.pages.guest_markup import guest_fields
from media_service.http.pages.inline_assets import with_inline_assets
from media_service.http.pages.module_pack import entry_of
from media_service.http.pages.station import size_text
from media_service.http.pages.translations import DEFAULT_LANGUAGE, Translations, read_translations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from media_service.core.guest_links import GuestLink
    from media_service.http.pages.assets import Asset, Assets, Release
    from media_service.http.pages.station import Station

# Tags in the plain form, and the most characters of each.
OPTIONAL_FIELDS = {"title": 250, "artist": 250, "album": 250, "date": 10, "genre": 250, "comment": 1000}
DATE_PATTERN = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
WAVE = (
    '<svg class="wave" viewBox="0 0 32 20" aria-hidden="true">'
    '<path d="M3 12V8M9 16V4M15 19V1M21 14V6M27 11.5V8.5"/></svg>'
)

_STATIC = re.compile(r'(?<=")static/(?![a-z]+(?:-\w+)?-[0-9a-f]{12}/)')
_TEXT = re.compile(r'data-words="([\w.]+)"([^>]*>)[^<]*(?=<)')
_LABEL = re.compile(r'aria-label="[^"]*"( ?)data-words-label="([\w.]+)"')


@dataclass(frozen=True, slots=True)
class Localizer:
    """Texts in the languages of a reader, the preferred one first."""

    translations: Translations
    languages: Sequence[str]

    @property
    def language(self) -> str:
        """Return the language of the page."""
        return self.languages[0]

    def one(self, key: str, **values: object) -> str:
        """Return a text in the page's language, escaped; "" if there is none."""
        return escape(self.translations.translate(self.language, key, **values) or "")

    def all(self, *keys: str, **values: object) -> str:
        """Return the first text that exists of these, escaped, in the page's language and then in the others."""
        texts: dict[str, str] = {}
        for language in self.languages:
            text = next(filter(None, (self.translations.translate(language, key, **values) for key in keys)), None)
            if text and text not in texts.values():
                texts[language] = text[0].upper() + text[1:]
        first = escape(texts.pop(self.language, ""))
        rest = [f'<span lang="{language}">{escape(text)}</span>' for language, text in texts.items()]
        return " ".join(filter(None, [first, *rest]))


@dataclass(slots=True)
class _RenderCache:
    """Parsed translations and rendered pages of one release."""

    release: Release
    translations: Translations
    pages: dict[tuple[str, str], Asset] = field(default_factory=dict)


class PageMarkup:
    """Render the pages of a service below `base` for one station."""

    def __init__(self, assets: Assets, station: Station, base: str) -> None:
        self._assets = assets
        self._station = station
        self._base = base
        self._cache: _RenderCache | None = None

    def localizer(self, accepted: str) -> Localizer:
        """Return the texts for a reader with this Accept-Language."""
        translations = self._current_cache().translations
        return Localizer(translations, translations.order(accepted))

    def page(self, name: str, accepted: str) -> Asset:
        """Return `index.html` or `admin.html` for a reader with this Accept-Language."""
        cache, localizer = self._current_cache(), self.localizer(accepted)
        key = name, localizer.language
        if key not in cache.pages:
            release = cache.release
            cache.pages[key] = make_asset(self._render(release, name, localizer), ".html", release.stamps[name])
        return cache.pages[key]

    def plain_page(self, localizer: Localizer, title: str, body: str, *, referrer: str = "same-origin") -> str:
        """Return a page without scripts. `title` and `body` are markup, `referrer` is its referrer policy."""
        return _PLAIN_PAGE.format(
            language=localizer.language,
            static=f"{self._base}/static/v-{self._current_cache().release.version}",
            home=f"{self._base}/",
            referrer=referrer,
            title=re.sub("<[^>]*>", "", title.partition("<span")[0]).strip(),
            mark=WAVE + escape(self._station.name or localizer.one("page.title")),
            heading=title,
            body=body,
            foot=self._footer(localizer),
        )

    def plain_form(
        self, localizer: Localizer, action: str, typed: Mapping[str, str], link: GuestLink | None = None
    ) -> str:
        """Return the form for browsers without scripts, with what the user typed before, and what a link asks."""

        def text_field(name: str, label: str, most: int, more: str = "") -> str:
            value = f' value="{escape(typed[name])}"' if typed.get(name) and name != "passphrase" else ""
            return (
                f'<label class="field field-{name}"><span>{label}</span>'
                f'<input name="{name}" maxlength="{most}"{more}{value}></label>'
            )

        asked = guest_fields(localizer.all, link)
        hint = localizer.one("plain.date_format")
        date = f' inputmode="numeric" pattern="{escape(DATE_PATTERN)}" title="{hint}" placeholder="2026-11-23"'
        tags = "\n".join(
            text_field(name, localizer.all(f"tag.{name}"), most, date if name == "date" else "")
            for name, most in OPTIONAL_FIELDS.items()
            if name not in asked
        )
        sender = text_field("name", localizer.all("plain.name"), 200, ' autocomplete="name"')
        return _FORM.format(
            action=action,
            sender=sender
            if link is None
            else "\n    ".join(text_field(name, label, 200, more) for name, (label, more) in asked.items()),
            file=localizer.all("plain.file"),
            more=localizer.all("plain.more"),
            open=" open" if any(typed.get(name) for name in OPTIONAL_FIELDS) else "",
            tags=tags,
            cover=localizer.all("plain.cover"),
            send=localizer.all("plain.send"),
        )

    def _current_cache(self) -> _RenderCache:
        release = self._assets.release()
        if self._cache is None or self._cache.release is not release:
            self._cache = _RenderCache(release, read_translations(release.texts))
        return self._cache

    def _render(self, release: Release, name: str, localizer: Localizer) -> str:
        text = release.texts[name]
        text = text.replace("<!-- languages -->", _language_buttons(release, localizer, text))
        text = _with_modules(text, release, name.removesuffix(".html"), localizer.language)
        text = _STATIC.sub(f"static/v-{release.version}/", with_inline_assets(text, release.texts))
        text = text.replace('<html lang="en">', f'<html lang="{localizer.language}">')
        text = _LABEL.sub(
            lambda found: f'aria-label="{localizer.one(found[2])}"{found[1]}data-words-label="{found[2]}"', text
        )
        text = _TEXT.sub(lambda found: self._localized(localizer, found[1], found[2]), text)
        text = text.replace("<!-- plain form -->", self._heading_and_form(localizer))
        return text.replace("<!-- foot -->", self._footer(localizer))

    def _localized(self, localizer: Localizer, key: str, rest: str) -> str:
        """Return the end of an element's tag, with the values as attributes for other languages, and its text."""
        available = {"station": self._station.name, "limit": size_text(self._station.file_limit)}
        placeholders = localizer.translations.placeholders
        if self._station.name and placeholders(localizer.language, f"{key}_station") is not None:
            key = f"{key}_station"
        needed = placeholders(localizer.language, key) or []
        values = {name: available[name] for name in needed if name in available}
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in values.items())
        return f'data-words="{key}"{data}{rest}{localizer.one(key, **values)}'

    def _heading_and_form(self, localizer: Localizer) -> str:
        heading = ("page.heading_station",) if self._station.name else ()
        return (
            f"<h1>{localizer.all(*heading, 'page.heading', station=self._station.name)}</h1>\n"
            f'  <p class="lead">{localizer.all("plain.lead")}</p>\n'
            f"{self.plain_form(localizer, 'upload', {})}"
        )

    def _footer(self, localizer: Localizer) -> str:
        """Return the footer: the file size limit and the station's contact."""
        foot = f"<span {self._localized(localizer, 'page.limit', '>')}</span>"
        if self._station.contact:
            text, link = escape(self._station.contact_text), self._station.link
            shown = f'<a href="{escape(link)}">{text}</a>' if link else f"<span>{text}</span>"
            label = f'<span data-words="page.contact">{localizer.one("page.contact")}</span>'
            foot += f'\n  <span class="contact">{label} {shown}</span>'
        return f'<footer class="foot">\n  {foot}\n</footer>'


def _with_modules(page: str, release: Release, stem: str, language: str) -> str:
    """Return a page's markup with the packed modules of a language, and links that preload them."""
    tag = next((tag for tag in (language, DEFAULT_LANGUAGE) if f"{stem}-{tag}" in release.packs), None)
    if tag is None:
        return page.replace("<!-- modules -->\n", "")
    pack, folder = release.packs[f"{stem}-{tag}"], f"static/{stem}-{tag}-{release.version}"
    links = "".join(f'<link rel="modulepreload" href="{folder}/{name}">\n' for name in pack.preloads)
    script = f'"static/{pack.entry}"'
    return page.replace(script, f'"{folder}/{pack.entry}"').replace("<!-- modules -->\n", links)


def _language_buttons(release: Release, localizer: Localizer, page: str) -> str:
    """Return a button for each language that the page's module has translations for."""
    folder = entry_of(page).rpartition("/")[0]
    return "\n    ".join(
        f'<button type="button" data-language="{tag}" lang="{tag}">'
        f"{escape(localizer.translations.translate(tag, 'language') or tag)}</button>"
        for tag in localizer.translations.languages
        if f"{folder}/words.{tag}.js" in release.texts
    )


_PLAIN_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="{referrer}">
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
