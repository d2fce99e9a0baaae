"""Run `media-service migrate-to`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.commands import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.support.backend import Backend


def environment(place: Backend, *, rows: bool = True, files: bool = True) -> dict[str, str]:
    """Return the variables of the new settings."""
    settings = (place.database.settings() if rows else {}) | (place.store.settings() if files else {})
    given = {f"MEDIA_SERVICE_{name.upper()}": str(value) for name, value in settings.items()}
    return given | place.store.environment()


def migrate_to(
    data: Path, place: Backend, *, rows: bool = True, files: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return run("migrate-to", "--data-dir", str(data), **environment(place, rows=rows, files=files))


def moved(data: Path, place: Backend, *, rows: bool = True, files: bool = True) -> str:
    """Run the command, which must succeed; return what it prints."""
    ended = migrate_to(data, place, rows=rows, files=files)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def refused(data: Path, place: Backend, *, rows: bool = True, files: bool = True) -> str:
    """Run the command, which must fail; return the line that says why."""
    ended = migrate_to(data, place, rows=rows, files=files)
    assert ended.returncode == 1, ended
    return next(line for line in ended.stderr.splitlines() if line.startswith("media-service: "))
