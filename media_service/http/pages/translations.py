"""Translations for server-rendered pages, read from JavaScript modules in `static/js`.

A language exists if `words.xx.js`, `findings/words.xx.js` and `people/words.xx.js` do. `plain/words.xx.js` has the
texts of pages without scripts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_LANGUAGE = "en"
FOLDERS = ("js/", "js/findings/", "js/people/", "js/admin/", "js/plain/")
NEEDED = FOLDERS[1:3]

_FILE = re.compile(r"js/words\.(\w+)\.js")
_STRING = r"'((?:[^'\\]|\\.)*)'"
_ENTRY = re.compile(rf"^  '([\w.]+)': (?:{_STRING}|\{{(.*)\}}),$", re.MULTILINE)
_OTHER = re.compile(rf"\bother: {_STRING}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Translations:
    """Texts by language tag and key. A text that a language lacks is taken from English."""

    texts: Mapping[str, Mapping[str, str]]

    @property
    def languages(self) -> list[str]:
        """Return the tags of the languages, English first."""
        return sorted(self.texts, key=lambda tag: (tag != DEFAULT_LANGUAGE, tag))

    def order(self, accepted: str) -> list[str]:
        """Return the languages, the one preferred by this Accept-Language first."""
        preferred = preferred_language(accepted, self.languages)
        return sorted(self.languages, key=lambda tag: tag != preferred)

    def placeholders(self, language: str, key: str) -> list[str] | None:
        """Return the names of a text's placeholders, None if there is no such text."""
        text = self._text(language, key)
        return None if text is None else _PLACEHOLDER.findall(text)

    def translate(self, language: str, key: str, **values: object) -> str | None:
        """Return a text with its placeholders filled in, None if there is no such text or a value is missing."""
        text = self._text(language, key)
        if text is None or not set(_PLACEHOLDER.findall(text)) <= values.keys():
            return None
        return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)

    def _text(self, language: str, key: str) -> str | None:
        return self.texts[language].get(key) or self.texts[DEFAULT_LANGUAGE].get(key)


def read_translations(files: Mapping[str, str]) -> Translations:
    """Return the translations in `files`, which maps names in `static/` to contents."""
    tags = [found[1] for name in files if (found := _FILE.fullmatch(name))]
    complete = (tag for tag in tags if all(f"{folder}words.{tag}.js" in files for folder in NEEDED))
    texts: dict[str, dict[str, str]] = {tag: {} for tag in complete}
    for tag, found_texts in texts.items():
        for folder in FOLDERS:
            found_texts.update(_parse(files.get(f"{folder}words.{tag}.js", "")))
    return Translations(texts)


def preferred_language(accepted: str, languages: list[str]) -> str:
    """Return the language that Accept-Language prefers (RFC 9110, section 12.5.4), English if none matches."""
    requested = []
    for number, part in enumerate(accepted.split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.partition("=")[2] or 1)
        except ValueError:
            quality = 0.0
        requested.append((-quality, number, tag.strip()[:2].lower()))
    return next((tag for quality, _, tag in sorted(requested) if quality < 0 and tag in languages), DEFAULT_LANGUAGE)


def _parse(text: str) -> dict[str, str]:
    """Return the texts of a `words.xx.js` by key; of a plural the form `other`."""
    found = {}
    for key, plain, forms in _ENTRY.findall(text):
        other = _OTHER.search(forms)
        found[key] = _unescaped(other[1] if other else plain)
    return found


def _unescaped(text: str) -> str:
    """Return the value of a JavaScript string without its quotes."""
    return str(json.loads('"' + text.replace("\\'", "'").replace('"', '\\"') + '"'))
