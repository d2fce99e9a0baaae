"""All modules of a page as three files: its own, its Worker's, and what both share together with a language's words.

A browser finds a module's imports only once it has the module, and over HTTP/1.1 it sends six requests at a time:
thirty modules take six round trips. So modules are put into one, each in an async function of its own, in the order in
which they would run. Modules that are imported later get the same instances: in a page's folder the URL of each packed
module hands out what the pack has made (`Pack.proxy`).

Only the statements of FORMS are known, each at the beginning of a line. Every other import or export is refused with
its file and line, and a test compares what is found here with what a JavaScript parser finds. No bundler in Python's
registry works without Node.js or a binary of its own, and a parser would serve these few statements alone.

Names are those of files in `static/`.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.http.pages.comments import without_comments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMS = (
    "import './a.js';",
    "import { a, b as c } from './a.js';",
    "export const | class | function | function* | async function | async function* NAME",
    "export default VALUE",
    "import('./a.js') or import(`./a.${tag}.js`)",
    "new Worker(new URL('./a.js', import.meta.url)",
)

_SCRIPT = re.compile(r'<script type="module" src="static/([^"]+)">')
_IMPORT = re.compile(r"^import\s+(?:\{([^{}]*)\}\s*from\s+)?'(\.[^'\n]+)';", re.MULTILINE)
_EXPORT = re.compile(r"^export (?:default\b|((?:const|class|(?:async )?function\*?) ([\w$]+)))", re.MULTILINE)
_LATER = re.compile(r"import\((?:'(\.[^'\n]+)'|`(\.[^`\n]+)`)\)")
_WORKER = re.compile(r"new Worker\(new URL\('(\.[^'\n]+)', import\.meta\.url\)")
_CHECKS = (
    (re.compile(r"^[ \t]*(?:import|export)\b(?!\s*[.(])", re.MULTILINE), (_IMPORT, _EXPORT)),
    (re.compile(r"\bimport\s*\("), (_LATER,)),
    (re.compile(r"(?:\bnew Worker\(new URL\([^,\n]*, )?\bimport\s*\."), (_WORKER,)),
)
"""What looks like an import or export, and the forms of which it must have one."""

_IMPORTED = re.compile(r"\s*(\w+)(?:\s+as\s+(\w+))?\s*")
_WORDS = re.compile(r"^await\b.*\bimport\(`(\.[^`\n]*\$\{tag\}[^`\n]*)`\)", re.MULTILINE)


class NotPackable(ValueError):
    """A module uses a form of import or export that is not in FORMS, imports in a circle, or is not there."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module's text without whole-line comments, the modules that it imports by statements, and its exports."""

    name: str
    text: str
    imports: tuple[str, ...]
    exports: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """Return the modules that it waits for by language, with `${tag}` for the language."""
        return [_resolve(self.name, path) for path in _WORDS.findall(self.text)]

    @property
    def workers(self) -> list[str]:
        """Return the entry module of each Worker that it starts."""
        return [_resolve(self.name, path) for path in _WORKER.findall(self.text)]


class Modules:
    """The modules of a folder by their names; each is read once."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self._read: dict[str, Module] = {}

    def in_order(self, entries: Iterable[str]) -> dict[str, Module]:
        """Return what these modules import, and themselves, as they would run: each after its imports."""
        order: dict[str, Module] = {}
        open_now: list[str] = []

        def visit(name: str) -> None:
            if name in order:
                return
            if name in open_now:
                raise NotPackable(f"imports in a circle: {' → '.join([*open_now, name])}")
            if name not in self.texts:
                raise NotPackable(f"{' → '.join([*open_now, name])}: there is no such file")
            open_now.append(name)
            module = self._module(name)
            for imported in module.imports:
                visit(imported)
            order[open_now.pop()] = module

        for entry in entries:
            visit(entry)
        return order

    def languages(self, words: Iterable[str]) -> list[str]:
        """Return the languages in which all these words are there. Raise NotPackable if there is none."""
        forms = [re.compile(re.escape(path).replace(r"\$\{tag\}", r"(\w+)")) for path in words]
        found = [{match[1] for name in self.texts if (match := form.fullmatch(name))} for form in forms]
        if not (common := set.intersection(*found) if found else set()):
            raise NotPackable("there is no language in which the page has all of its words")
        return sorted(common)

    def _module(self, name: str) -> Module:
        if name not in self._read:
            self._read[name] = read_module(name, self.texts[name])
        return self._read[name]


@dataclass(frozen=True, slots=True)
class Pack:
    """Modules in one, as `entry`; `modules` in the order in which they run."""

    entry: str
    text: str
    modules: Mapping[str, Module]

    def proxy(self, name: str) -> str:
        """Return the text of a packed module by its own URL: what the pack's instance of it exports."""
        exports = self.modules[name].exports
        lines = [f"import {{ $modules }} from '{_relative(name, self.entry)}';", f"const made = $modules['{name}'];"]
        if named := [export for export in exports if export != "default"]:
            lines.append(f"export const {{ {', '.join(named)} }} = made;")
        if "default" in exports:
            lines.append("export default made.default;")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class PagePack:
    """What a page's folder of one language has in place of its modules.

    `entry`: the pack of the page's own modules. `beside`: the other packs. `files`: all packs, and a proxy of each
    other packed module.
    """

    entry: str
    beside: tuple[str, ...]
    files: Mapping[str, str]


def entry_of(page: str) -> str:
    """Return the module that a page's markup names. Raise NotPackable."""
    found = _SCRIPT.search(page)
    if found is None:
        raise NotPackable("the page has no module")
    return found[1]


def pack_page(page: str, modules: Modules) -> dict[str, PagePack]:
    """Return the packs of a page's markup by language: each that has all words. Raise NotPackable."""
    entry = entry_of(page)
    packed = modules.in_order([entry])
    words = [name for module in packed.values() for name in module.words]
    workers = [name for module in packed.values() for name in module.workers]
    shared = [name for name in modules.in_order(workers) if name in packed]
    packs = {}
    for tag in modules.languages(words):
        given = pack([*shared, *(name.replace("${tag}", tag) for name in reversed(words))], modules)
        others = [pack([name], modules, given=given) for name in (entry, *workers)]
        proxies = {name: one.proxy(name) for one in (given, others[0]) for name in one.modules}
        files = proxies | {one.entry: one.text for one in (given, *others)}
        packs[tag] = PagePack(entry, (given.entry, *workers), files)
    return packs


def pack(entries: list[str], modules: Modules, *, given: Pack | None = None) -> Pack:
    """Return modules and all that they import as one, named like the last of them. Raise NotPackable.

    Modules of the `given` pack are not in it again; it imports that one.
    """
    entry = entries[-1]
    packed = {name: one for name, one in modules.in_order(entries).items() if not (given and name in given.modules)}
    parts = ["export const $modules = {};"]
    if given is not None:
        parts = [f"import {{ $modules as $given }} from '{_relative(entry, given.entry)}';"]
        parts += ["export const $modules = { ...$given };"]
    parts += [f"const $import = async (name) => $modules[name] ?? import(`{_relative(entry, '.')}/${{name}}`);"]
    parts += [f"$modules['{one.name}'] = await (async () => {{\n{_body(one, entry)}\n}})();" for one in packed.values()]
    return Pack(entry, re.sub(r"\n{2,}", "\n", "\n".join(parts) + "\n"), packed)


def read_module(name: str, text: str) -> Module:
    """Return a module by its text. Raise NotPackable with the line of a form that is not in FORMS."""
    text = without_comments(text)
    _check(name, text)
    imports = tuple(_resolve(name, path) for _, path in _IMPORT.findall(text))
    exports = tuple(export or "default" for _, export in _EXPORT.findall(text))
    return Module(name, text, imports, exports)


def _check(name: str, text: str) -> None:
    """Raise NotPackable if an import or export has none of FORMS."""
    stop = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        start, stop = stop, stop + len(line)
        if "import" not in line and "export" not in line:
            continue
        for every, known in _CHECKS:
            for found in every.finditer(text, start, stop):
                if not any(form.match(text, found.start()) for form in known):
                    raise NotPackable(f"{name}, line {number}: {line.strip()!r} is none of: {'; '.join(FORMS)}")


def _body(module: Module, entry: str) -> str:
    """Return a module's text as the body of a function that returns its exports. URLs are seen from the entry."""

    def imported(found: re.Match[str]) -> str:
        if found[1] is None:
            return ""
        parts = (_IMPORTED.fullmatch(part) for part in found[1].split(",") if part.strip())
        names = ", ".join(f"{part[1]}: {part[2]}" if part[2] else part[1] for part in parts if part)
        return f"const {{ {names} }} = $modules['{_resolve(module.name, found[2])}'];"

    def later(found: re.Match[str]) -> str:
        quote = "'" if found[1] else "`"
        return f"$import({quote}{_resolve(module.name, found[1] or found[2])}{quote})"

    def worker(found: re.Match[str]) -> str:
        return found[0].replace(found[1], _relative(entry, _resolve(module.name, found[1])))

    text = _EXPORT.sub(lambda found: found[1] or "const $default =", _IMPORT.sub(imported, module.text))
    text = _WORKER.sub(worker, _LATER.sub(later, text))
    exports = ", ".join("default: $default" if export == "default" else export for export in module.exports)
    return f"{text}\nreturn {{ {exports} }};"


def _resolve(importer: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))


def _relative(importer: str, name: str) -> str:
    path = posixpath.relpath(name, posixpath.dirname(importer) or ".")
    return path if path.startswith(".") else f"./{path}"
