"""Load settings: defaults < TOML file < environment (`MEDIA_SERVICE_…`) < command line."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from media_service.config.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "MEDIA_SERVICE_"


class InvalidSettings(ValueError):
    """The settings cannot be used; the message is one line that says which one and why."""


class SettingsFromSources(Settings, BaseSettings):
    """Settings that pydantic-settings fills."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources; the first that has a value wins."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(config: Path | None = None, **flags: Any) -> Settings:
    """Return the settings; a flag that is None was not given. Raise InvalidSettings."""
    return load_with_origins(config, **flags)[0]


def load_with_origins(config: Path | None = None, **flags: Any) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and where each that is not a default was set. Raise InvalidSettings."""
    flags = {name: value for name, value in flags.items() if value is not None}
    origins = _origins(config, flags)

    try:
        return _reader_of(config)(**flags), origins
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name, reason = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        raise InvalidSettings(f"{origins.get(name, name)} cannot be used: {reason}") from None
    except SettingsError as error:
        # Only environment variables are parsed as JSON; pydantic-settings quotes the name of the setting.
        name = next((name for name in origins if f'"{name}"' in str(error)), "a variable")
        raise InvalidSettings(
            f'{origins.get(name, name)} cannot be used: it must be JSON, such as ["a.example"]'
        ) from None


def _reader_of(config: Path | None) -> type[SettingsFromSources]:
    """Return the class that reads this file too. To make one takes 20 ms, as long as a tenth of a start."""
    if config is None:
        return SettingsFromSources

    class Configured(SettingsFromSources):
        model_config = SettingsConfigDict(toml_file=config)

    return Configured


def _origins(config: Path | None, flags: dict[str, Any]) -> dict[str, str]:
    """Return where each setting was set, by its name. Raise InvalidSettings for an unknown name."""
    origins = {name: f"{name} in {config}" for name in _names_in_file(config)}
    origins |= {name: variable for variable, name in _environment_variables().items()}
    origins |= {name: f"--{name.replace('_', '-')}" for name in flags}
    for name, origin in origins.items():
        if name not in Settings.model_fields:
            raise InvalidSettings(f"{origin} is not a setting{_suggestion(name, origin)}")
    return origins


def _names_in_file(config: Path | None) -> list[str]:
    """Return the names in the TOML file. Raise InvalidSettings if it is missing or is not TOML."""
    try:
        return [] if config is None else [*tomllib.loads(config.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        raise InvalidSettings(f"the file of settings {config} does not exist") from None
    except OSError as error:
        raise InvalidSettings(f"the file of settings {config} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InvalidSettings(f"the file of settings {config} is not TOML: {error}") from None


def _environment_variables() -> dict[str, str]:
    """Return the name of the setting for each variable with our prefix."""
    variables = [variable for variable in os.environ if variable.upper().startswith(PREFIX)]
    return {variable: variable[len(PREFIX) :].lower() for variable in variables}


def _suggestion(name: str, origin: str) -> str:
    """Return the end of the message about an unknown name: the closest known one, or where to find them."""
    matches = get_close_matches(name.lower(), Settings.model_fields, 1)
    if not matches:
        return "; `media-service settings` lists them all"
    suggested = PREFIX + matches[0].upper() if origin.upper().startswith(PREFIX) else matches[0]
    return f"; did you mean {suggested}?"
