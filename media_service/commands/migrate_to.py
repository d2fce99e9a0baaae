"""`media-service migrate-to`."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Self

import structlog
import typer

from media_service.commands.options import (
    EXIT_USAGE,
    Catalogue,
    Config,
    DataDir,
    Endpoint,
    Store,
    end_with,
    load_settings,
)
from media_service.core.errors.base import MediaServiceError
from media_service.logs import log_to_stderr
from media_service.migration.installation import move_installation
from media_service.startup import StartupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.migration.installation import Summary

LOG_SECONDS = 10.0
"""Time between two lines where no terminal shows the progress."""

log = structlog.get_logger()


def migrate_to(
    *,
    data_dir: DataDir = None,
    catalogue: Catalogue = None,
    store: Store = None,
    s3_endpoint: Endpoint = None,
    config: Config = None,
) -> None:
    """Move this installation to PostgreSQL, to S3, or to both; the service must be stopped.

    A run that was interrupted goes on when it is repeated. docs/operator.md explains it.
    """
    given = {"data_dir": data_dir, "catalogue": catalogue, "store": store, "s3_endpoint": s3_endpoint}
    settings = load_settings(config, **given)[0]
    if not settings.catalogue and not settings.store:
        end_with("where to? Set catalogue, store, or both: here, or in the new settings", EXIT_USAGE)
    log_to_stderr()
    try:
        with TerminalProgress() if sys.stderr.isatty() else nullcontext(LoggedProgress()) as progress:
            summary = move_installation(settings, progress)
    except MediaServiceError as error:
        end_with(f"{error.message}; the same command goes on from here")
    except (StartupError, OSError) as error:
        end_with(str(error))
    _tell(summary)


def _tell(summary: Summary) -> None:
    for table, count in summary.rows.items():
        typer.echo(f"{table}: {count} rows")
    if summary.objects:
        typer.echo(f"files: {summary.objects} objects")
    if summary.unfit:
        typer.echo(f"{summary.unfit} rows are not as they were: see the warnings above")
    typer.echo("moved: start the service with the new settings")


class LoggedProgress:
    """`Progress` in lines of the log."""

    def __init__(self) -> None:
        self._phase = ""
        self._done = self._total = 0
        self._unit = ""
        self._told = 0.0

    def begin(self, phase: str, total: int = 0, unit: str = "") -> None:
        """See `Progress`."""
        self._phase, self._done, self._total, self._unit = phase, 0, total, unit
        self._told = time.monotonic()
        log.info(phase, **self._counts())

    def advance(self, amount: int) -> None:
        """See `Progress`."""
        self._done += amount
        if time.monotonic() >= self._told + LOG_SECONDS:
            self._told = time.monotonic()
            log.info(self._phase, **self._counts())

    def _counts(self) -> dict[str, int]:
        return {self._unit: self._done, "of": self._total} if self._total else {}


class TerminalProgress:
    """`Progress` as bars. Use it as a context manager."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._update: Callable[[int], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def begin(self, phase: str, total: int = 0, unit: str = "") -> None:
        """See `Progress`."""
        self._open.close()
        if total:
            bar = typer.progressbar(length=total, label=phase, file=sys.stderr)
            self._update = self._open.enter_context(bar).update
        else:
            self._update = None
            typer.echo(phase, err=True)

    def advance(self, amount: int) -> None:
        """See `Progress`."""
        if self._update is not None:
            self._update(amount)
