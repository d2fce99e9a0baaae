"""What all commands share: options, settings, and how they end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from media_service.config.loading import InvalidSettings, load_with_origins
from media_service.core.urls import without_password

if TYPE_CHECKING:
    from media_service.config.settings import Settings

EXIT_USAGE = 2
"""Exit status for an unusable command line, settings file or variable."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
"""Seconds of the units of a lifetime."""


def _without_password(url: str | None) -> str | None:
    """Return the option; end the program if it has a password, which every user of this machine could read in `ps`."""
    if url is not None and without_password(url) != url:
        end_with(
            "--catalogue must not have a password: set it in the settings file, in MEDIA_SERVICE_CATALOGUE or "
            "PGPASSWORD, or in ~/.pgpass",
            EXIT_USAGE,
        )
    return url


Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of all data [var].")]
Catalogue = Annotated[
    str | None,
    typer.Option(help="Database, such as postgresql://… [SQLite].", callback=_without_password),
]
Endpoint = Annotated[str | None, typer.Option(help="URL of the S3 server [that of the AWS configuration].")]
Store = Annotated[str | None, typer.Option(help="Files, such as s3://bucket/prefix [a folder].")]


def load_settings(config: Path | None, **flags: object) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and where each was set; end the program if they cannot be used."""
    try:
        return load_with_origins(config, **flags)
    except InvalidSettings as error:
        end_with(str(error), EXIT_USAGE)


def end_with(message: str, status: int = 1) -> NoReturn:
    """End the program with a line on standard error."""
    typer.echo(f"media-service: {message}", err=True)
    raise typer.Exit(status)


def bytes_of(size: str | None) -> int | None:
    """Return the bytes of `--bytes`, None without it; end the program if it is no size such as `2GiB`."""
    if size is None:
        return None
    try:
        return int(TypeAdapter(ByteSize).validate_python(size))
    except ValidationError:
        end_with("--bytes must be a size such as 500MB or 2GiB", EXIT_USAGE)


def seconds_of(lifetime: str) -> int | None:
    """Return the seconds of `--expires`, None for `never`; end the program if it is neither."""
    if lifetime == "never":
        return None
    match = re.fullmatch(r"(\d{1,9})([smhd])", lifetime, re.ASCII)
    if match is None:
        end_with(f"--expires must be a number with {', '.join(UNITS)}, such as 90d, or never", EXIT_USAGE)
    return int(match[1]) * UNITS[match[2]]
