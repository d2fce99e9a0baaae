"""The texts of the pages on the server: those of `static/js/words.xx.js`, so that each text stands in one place.

A language is there when its files are: `words.xx.js` and `findings/words.xx.js`. What only the server says, to browsers
without scripts, stands in `plain/words.xx.js`; where a language lacks one of these texts, the English one is said.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST = "en"
"""The language of whoever reads none that is there."""

FOLDERS = ("js/", "js/findings/", "js/admin/", "js/plain/")

_FILE = re.compile(r"js/words\.(\w+)\.js")
_STRING = r"'((?:[^'\\]|\\.)*)'"
_ENTRY = re.compile(rf"^  '([\w.]+)': (?:{_STRING}|\{{(.*)\}}),$", re.MULTILINE)
_OTHER = re.compile(rf"\bother: {_STRING}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Words:
    """Texts by language and key."""

    texts: Mapping[str, Mapping[str, str]]

    @property
    def languages(self) -> list[str]:
        """Return the tags of the languages, English first."""
        return sorted(self.texts, key=lambda tag: (tag != FIRST, tag))

    def order(self, accepted: str) -> list[str]:
        """Return the languages, the one first that a reader with this Accept-Language reads best."""
        best = preferred(accepted, self.languages)
        return sorted(self.languages, key=lambda tag: tag != best)

    def needs(self, language: str, key: str) -> list[str] | None:
        """Return the names of the values that a text needs; None if there is no such text."""
        text = self._text(language, key)
        return None if text is None else _PLACEHOLDER.findall(text)

    def say(self, language: str, key: str, **values: object) -> str | None:
        """Return a text with its values filled in; None if there is no such text, or it needs another value."""
        text = self._text(language, key)
        if text is None or not set(_PLACEHOLDER.findall(text)) <= values.keys():
            return None
        return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)

    def _text(self, language: str, key: str) -> str | None:
        return self.texts[language].get(key) or self.texts[FIRST].get(key)


def read_translations(files: Mapping[str, str]) -> Words:
    """Return the words that stand in the files of `static/`."""
    tags = [found[1] for name in files if (found := _FILE.fullmatch(name))]
    return Words(
        {
            tag: {
                key: text
                for folder in FOLDERS
                for key, text in _parse(files.get(f"{folder}words.{tag}.js", "")).items()
            }
            for tag in tags
            if f"js/findings/words.{tag}.js" in files
        }
    )


def preferred(accepted: str, languages: list[str]) -> str:
    """Return the language that an Accept-Language field asks for most, English if it asks for none of them."""
    wanted = []
    for number, part in enumerate(accepted.split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.partition("=")[2] or 1)
        except ValueError:
            quality = 0.0
        wanted.append((-quality, number, tag.strip()[:2].lower()))
    return next((tag for quality, _, tag in sorted(wanted) if quality < 0 and tag in languages), FIRST)


def _parse(text: str) -> dict[str, str]:
    """Return the texts of a file of words; of one with a plural the form for many."""
    found = {}
    for key, plain, forms in _ENTRY.findall(text):
        other = _OTHER.search(forms)
        found[key] = _unescaped(other[1] if other else plain)
    return found


def _unescaped(text: str) -> str:
    """Return the value of a JavaScript string without its quotes."""
    value: str = json.loads('"' + text.replace("\\'", "'").replace('"', '\\"') + '"')
    return value
