"""Write the tables of findings and problems on the API page from the code (`make tables`)."""

from __future__ import annotations

import re

from media_service.core.errors.registry import error_classes
from media_service.core.findings import CODES
from media_service.http.problems import HTTP_STATUS
from tests.support.server import ROOT

API_PAGE = ROOT / "docs" / "api.md"


def with_tables(page: str) -> str:
    """Return the API page with both tables generated from the code."""
    findings = [f"| `{code}` | {severity} | {meaning} |" for code, (severity, meaning) in CODES.items()]
    problems = [f"| `{error.code}` | {HTTP_STATUS[error]} | {error.template} |" for error in error_classes()]
    return _with_rows(_with_rows(page, "finding", findings), "code", problems)


def _with_rows(page: str, first_column: str, rows: list[str]) -> str:
    """Replace the rows of the table whose first column has this heading."""
    table = re.compile(rf"(?<=\n)(\| {first_column} \|.*\n\|[-|]+\|\n)(?:\|.*\n)*")
    changed, tables = table.subn(lambda found: found[1] + "".join(f"{row}\n" for row in rows), page)
    assert tables == 1, f"docs/api.md must have one table whose first column is {first_column!r}."
    return changed


if __name__ == "__main__":
    API_PAGE.write_text(with_tables(API_PAGE.read_text()))
