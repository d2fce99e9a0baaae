"""Remove comments and indentation of scripts and style sheets, which are a third of their bytes.

Every line keeps its number, so that an error's line number is true in the source. Of comments that share a line with
code only JSDoc's are removed, which begin with `/** `: telling others from strings takes a parser. A test compares each
script with and without its comments by a parser.
"""

from __future__ import annotations

import re

_BLOCKS = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*$", re.DOTALL | re.MULTILINE)
_LINES = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_JSDOC = re.compile(r"/\*\* (?:(?!\*/)[^\n])* \*/ ?")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


def without_comments(text: str) -> str:
    """Return the same lines without comments."""
    text = _BLOCKS.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    return _JSDOC.sub("", _LINES.sub("", text))


def compacted(text: str) -> str:
    """Return the same lines without comments and indentation. No string of the pages may span lines."""
    return _INDENT.sub("", without_comments(text))
