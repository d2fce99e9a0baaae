"""All modules of a page as one file, and the modules that must be there before a page runs.

A browser finds a module's imports only once it has the module, and over HTTP/1.1 it sends six requests at a time:
thirty modules take six round trips, and their headers more bytes than many of them have. So a page's modules are put
into one module, each in a function of its own, in the order in which they would run. Modules that are imported later
get the same instances: in a page's folder each packed module's URL hands out what the pack has made.

Names are those of files in `static/`.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRIPT = re.compile(r'<script type="module" src="static/([^"]+)">')
_IMPORT = re.compile(r"^import\s+(?:\{([^}]*)\}\s*from\s+)?'(\.[^']+)';", re.MULTILINE)
_EXPORT = re.compile(r"^export (?:default|((?:const|class|function\*?|async function\*?) (\w+)))", re.MULTILINE)
_LEFT_OVER = re.compile(r"^(?:import|export)\b(?!\()", re.MULTILINE)
_LATER = re.compile(r"\bimport\(([`'])(\.[^`']+)")
_BY_LANGUAGE = re.compile(r"^await\b.*\bimport\(`(\.[^`]+)`\)", re.MULTILINE)
_WORKER = re.compile(r"(?<=\bnew Worker\(new URL\(')\.[^']+(?=', import\.meta\.url\))")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class NotPackable(ValueError):
    """A module uses a form of import or export that is not known here, or imports in a circle."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A page's modules in one, as `entry`; `exports` has the names that each packed module exports."""

    entry: str
    text: str
    exports: Mapping[str, tuple[str, ...]]

    def proxy(self, name: str) -> str:
        """Return the text of a packed module by its own URL: what the pack's instance of it exports."""
        path = _relative(name, self.entry)
        names = [export for export in self.exports[name] if export != "default"]
        lines = [f"import {{ modules }} from '{path}';", f"const made = modules['{name}'];"]
        lines += [f"export const {{ {', '.join(names)} }} = made;"] if names else []
        lines += ["export default made.default;"] if "default" in self.exports[name] else []
        return "\n".join(lines) + "\n"


def entry_of(page: str) -> str:
    """Return the module that a page's markup names."""
    found = _SCRIPT.search(page)
    if found is None:
        raise NotPackable("the page has no module")
    return found[1]


def pack(entry: str, texts: Mapping[str, str]) -> Pack:
    """Return all modules that an entry imports as one. Raise NotPackable."""
    order = _in_order(entry, texts)
    exports: dict[str, tuple[str, ...]] = {}
    parts = ["export const modules = {};"]
    for name in order:
        body, exports[name] = _body(name, entry, texts[name])
        parts.append(f"modules['{name}'] = await (async () => {{\n{body}\n}})();")
    return Pack(entry, "\n".join(parts) + "\n", exports)


def awaited(packed: Pack, texts: Mapping[str, str], language: str) -> list[str]:
    """Return what a pack needs beside itself before it runs: the words of a language."""
    return [
        _resolve(name, path.replace("${tag}", language))
        for name in packed.exports
        for path in _BY_LANGUAGE.findall(texts[name])
    ]


def workers(packed: Pack, texts: Mapping[str, str]) -> list[str]:
    """Return the entry module of each Worker that the modules start."""
    return [_resolve(name, path) for name in packed.exports for path in _WORKER.findall(texts[name])]


def _in_order(entry: str, texts: Mapping[str, str]) -> list[str]:
    """Return the modules as they would run: each after those that it imports."""
    order: list[str] = []
    open_now: set[str] = set()

    def visit(name: str) -> None:
        if name in order:
            return
        if name in open_now or name not in texts:
            raise NotPackable(f"{name} is imported in a circle, or is not there")
        open_now.add(name)
        for _, path in _IMPORT.findall(texts[name]):
            visit(_resolve(name, path))
        order.append(name)

    visit(entry)
    return order


def _body(name: str, entry: str, text: str) -> tuple[str, tuple[str, ...]]:
    """Return a module's text as the body of a function that returns its exports, and their names."""

    def imported(found: re.Match[str]) -> str:
        if found[1] is None:
            return ""
        names = ", ".join(part.strip().replace(" as ", ": ") for part in found[1].split(",") if part.strip())
        return f"const {{ {names} }} = modules['{_resolve(name, found[2])}'];"

    exports: list[str] = []

    def exported(found: re.Match[str]) -> str:
        exports.append(found[2] or "default")
        return found[1] or "const $default ="

    text = _EXPORT.sub(exported, _IMPORT.sub(imported, text))
    if left := _LEFT_OVER.search(_COMMENT.sub("", text)):
        raise NotPackable(f"{name}: {left[0]}")
    # Relative URLs are resolved from the pack.
    text = _LATER.sub(lambda found: f"import({found[1]}{_relative(entry, _resolve(name, found[2]))}", text)
    text = _WORKER.sub(lambda found: _relative(entry, _resolve(name, found[0])), text)
    given = ", ".join("default: $default" if export == "default" else export for export in exports)
    return f"{text}\nreturn {{ {given} }};", tuple(exports)


def _resolve(importer: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))


def _relative(importer: str, name: str) -> str:
    path = posixpath.relpath(name, posixpath.dirname(importer))
    return path if path.startswith(".") else f"./{path}"


@dataclass(frozen=True, slots=True)
class PagePack:
    """What a page's folder has in place of its modules, by name: packs, and proxies of the modules in the first one."""

    files: Mapping[str, str]
    main: Pack
    workers: tuple[str, ...]

    def preloads(self, texts: Mapping[str, str], language: str) -> list[str]:
        """Return what a browser should ask for together with the page's module."""
        return [*awaited(self.main, texts, language), *self.workers]


def pack_page(page: str, texts: Mapping[str, str]) -> PagePack:
    """Return the packs of a page's markup. Raise NotPackable."""
    main = pack(entry_of(page), texts)
    started = {name: pack(name, texts).text for name in workers(main, texts)}
    proxies = {name: main.proxy(name) for name in main.exports if name != main.entry}
    return PagePack(proxies | started | {main.entry: main.text}, main, tuple(started))
