"""Bundle a page's modules into three files: its own, its Worker's, and what both share with a language's translations.

A browser finds imports only after it has loaded a module, and sends six requests at a time over HTTP/1.1: thirty
modules take six round trips. In a pack, each module is an async function; they run in the order of the imports. Modules
that are imported later get the same instances, because the URL of a packed module re-exports them (`Pack.proxy`).

Only the statements of FORMS are supported, each at the beginning of a line; others raise NotPackable. A test compares
the result with that of a JavaScript parser. No bundler on PyPI works without Node.js or a binary. Names of modules are
those of files in `static/`.
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
_DYNAMIC_IMPORT = re.compile(r"import\((?:'(\.[^'\n]+)'|`(\.[^`\n]+)`)\)")
_WORKER = re.compile(r"new Worker\(new URL\('(\.[^'\n]+)', import\.meta\.url\)")
# What looks like an import or export, and the forms of which it must have one.
_CHECKS = (
    (re.compile(r"^[ \t]*(?:import|export)\b(?!\s*[.(])", re.MULTILINE), (_IMPORT, _EXPORT)),
    (re.compile(r"\bimport\s*\("), (_DYNAMIC_IMPORT,)),
    (re.compile(r"(?:\bnew Worker\(new URL\([^,\n]*, )?\bimport\s*\."), (_WORKER,)),
)
_IMPORTED = re.compile(r"\s*(\w+)(?:\s+as\s+(\w+))?\s*")
_TRANSLATIONS = re.compile(r"^await\b.*\bimport\(`(\.[^`\n]*\$\{tag\}[^`\n]*)`\)", re.MULTILINE)


class NotPackable(ValueError):
    """A module is missing, has a circular import, or an import or export that is not in FORMS."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module's text without comments, the modules that it imports statically, and its exports."""

    name: str
    text: str
    imports: tuple[str, ...]
    exports: tuple[str, ...]

    @property
    def translations(self) -> list[str]:
        """Return the modules of translations that it awaits, with `${tag}` for the language."""
        return [_resolve(self.name, path) for path in _TRANSLATIONS.findall(self.text)]

    @property
    def workers(self) -> list[str]:
        """Return the entry module of each Worker."""
        return [_resolve(self.name, path) for path in _WORKER.findall(self.text)]


class Modules:
    """The modules of a folder by name; each is parsed once."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self._parsed: dict[str, Module] = {}

    def in_order(self, entries: Iterable[str]) -> dict[str, Module]:
        """Return these modules and all that they import, each after its imports."""
        order: dict[str, Module] = {}
        stack: list[str] = []

        def visit(name: str) -> None:
            if name in order:
                return
            if name in stack:
                raise NotPackable(f"circular import: {' → '.join([*stack, name])}")
            if name not in self.texts:
                raise NotPackable(f"{' → '.join([*stack, name])}: file not found")
            stack.append(name)
            module = self._module(name)
            for imported in module.imports:
                visit(imported)
            order[stack.pop()] = module

        for entry in entries:
            visit(entry)
        return order

    def languages(self, translations: Iterable[str]) -> list[str]:
        """Return the languages that have all these translations. Raise NotPackable if there is none."""
        forms = [re.compile(re.escape(path).replace(r"\$\{tag\}", r"(\w+)")) for path in translations]
        found = [{match[1] for name in self.texts if (match := form.fullmatch(name))} for form in forms]
        if not (common := set.intersection(*found) if found else set()):
            raise NotPackable("no language has all translations of the page")
        return sorted(common)

    def _module(self, name: str) -> Module:
        if name not in self._parsed:
            self._parsed[name] = read_module(name, self.texts[name])
        return self._parsed[name]


@dataclass(frozen=True, slots=True)
class Pack:
    """A bundle, served as `entry`; `modules` in the order in which they run."""

    entry: str
    text: str
    modules: Mapping[str, Module]

    def proxy(self, name: str) -> str:
        """Return the text for the URL of a packed module, which re-exports the pack's instance."""
        exports = self.modules[name].exports
        lines = [f"import {{ $modules }} from '{_relative(name, self.entry)}';", f"const $module = $modules['{name}'];"]
        if named := [export for export in exports if export != "default"]:
            lines.append(f"export const {{ {', '.join(named)} }} = $module;")
        if "default" in exports:
            lines.append("export default $module.default;")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class PagePack:
    """The files in a page's folder of one language: packs, and a proxy of each other packed module.

    `entry`: the pack of the page's own modules. `preloads`: the other packs.
    """

    entry: str
    preloads: tuple[str, ...]
    files: Mapping[str, str]


def entry_of(page: str) -> str:
    """Return the module that a page's markup names. Raise NotPackable."""
    found = _SCRIPT.search(page)
    if found is None:
        raise NotPackable("the page has no module")
    return found[1]


def pack_page(page: str, modules: Modules) -> dict[str, PagePack]:
    """Return a page's packs by language. Raise NotPackable."""
    entry = entry_of(page)
    packed = modules.in_order([entry])
    translations = [name for module in packed.values() for name in module.translations]
    workers = [name for module in packed.values() for name in module.workers]
    in_both = [name for name in modules.in_order(workers) if name in packed]
    packs = {}
    for tag in modules.languages(translations):
        shared = pack([*in_both, *(name.replace("${tag}", tag) for name in reversed(translations))], modules)
        others = [pack([name], modules, shared=shared) for name in (entry, *workers)]
        proxies = {name: one.proxy(name) for one in (shared, others[0]) for name in one.modules}
        files = proxies | {one.entry: one.text for one in (shared, *others)}
        packs[tag] = PagePack(entry, (shared.entry, *workers), files)
    return packs


def pack(entries: list[str], modules: Modules, *, shared: Pack | None = None) -> Pack:
    """Return modules and their imports as a pack named like the last entry; import those of `shared` from there."""
    entry = entries[-1]
    packed = {name: one for name, one in modules.in_order(entries).items() if not (shared and name in shared.modules)}
    parts = ["export const $modules = {};"]
    if shared is not None:
        parts = [f"import {{ $modules as $shared }} from '{_relative(entry, shared.entry)}';"]
        parts += ["export const $modules = { ...$shared };"]
    parts += [f"const $import = async (name) => $modules[name] ?? import(`{_relative(entry, '.')}/${{name}}`);"]
    parts += [f"$modules['{one.name}'] = await (async () => {{\n{_body(one, entry)}\n}})();" for one in packed.values()]
    return Pack(entry, re.sub(r"\n{2,}", "\n", "\n".join(parts) + "\n"), packed)


def read_module(name: str, text: str) -> Module:
    """Return a parsed module. Raise NotPackable with the line of a form that is not in FORMS."""
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
    """Return the body of a function that returns a module's exports. URLs are relative to the entry."""

    def imported(found: re.Match[str]) -> str:
        if found[1] is None:
            return ""
        parts = (_IMPORTED.fullmatch(part) for part in found[1].split(",") if part.strip())
        names = ", ".join(f"{part[1]}: {part[2]}" if part[2] else part[1] for part in parts if part)
        return f"const {{ {names} }} = $modules['{_resolve(module.name, found[2])}'];"

    def dynamic_import(found: re.Match[str]) -> str:
        quote = "'" if found[1] else "`"
        return f"$import({quote}{_resolve(module.name, found[1] or found[2])}{quote})"

    def worker(found: re.Match[str]) -> str:
        return found[0].replace(found[1], _relative(entry, _resolve(module.name, found[1])))

    text = _EXPORT.sub(lambda found: found[1] or "const $default =", _IMPORT.sub(imported, module.text))
    text = _WORKER.sub(worker, _DYNAMIC_IMPORT.sub(dynamic_import, text))
    exports = ", ".join("default: $default" if export == "default" else export for export in module.exports)
    return f"{text}\nreturn {{ {exports} }};"


def _resolve(importer: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))


def _relative(importer: str, name: str) -> str:
    path = posixpath.relpath(name, posixpath.dirname(importer) or ".")
    return path if path.startswith(".") else f"./{path}"
