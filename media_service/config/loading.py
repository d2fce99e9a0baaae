"""What the operator gave: defaults < TOML file < environment (`MEDIA_SERVICE_…`) < command line."""

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
    """The settings cannot be used; the message says which and why, in one line."""


class SettingsFromSources(Settings, BaseSettings):
    """Settings that look for their values themselves."""

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
        """The first that knows a value wins."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(config: Path | None = None, **flags: Any) -> Settings:
    """Return the settings of this run; flags that are None were not given. Raise InvalidSettings."""
    return load_with_origins(config, **flags)[0]


def load_with_origins(config: Path | None = None, **flags: Any) -> tuple[Settings, dict[str, str]]:
    """Return the settings of this run, and for each that is not a default where it was set. Raise InvalidSettings."""
    flags = {name: value for name, value in flags.items() if value is not None}
    origins = {name: f"{name} in {config}" for name in _keys_of(config)}
    origins |= {name: variable for variable, name in _variables().items()}
    origins |= {name: f"--{name.replace('_', '-')}" for name in flags}
    for name, origin in origins.items():
        if name not in Settings.model_fields:
            raise InvalidSettings(f"{origin} is not a setting{_likely(name, origin)}")

    class Configured(SettingsFromSources):
        model_config = SettingsConfigDict(toml_file=config)

    try:
        return Configured(**flags), origins
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name, reason = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        raise InvalidSettings(f"{origins.get(name, name)} cannot be used: {reason}") from None
    except SettingsError as error:
        # Of all sources only variables may have to be JSON, and this is how pydantic-settings names one that is not.
        name = next((name for name in origins if f'"{name}"' in str(error)), "a variable")
        raise InvalidSettings(
            f'{origins.get(name, name)} cannot be used: it must be JSON, such as ["a.example"]'
        ) from None


def _keys_of(config: Path | None) -> list[str]:
    """Return the names in the TOML file. Raise InvalidSettings for a file that is missing or no TOML."""
    try:
        return [] if config is None else [*tomllib.loads(config.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        raise InvalidSettings(f"the file of settings {config} does not exist") from None
    except OSError as error:
        raise InvalidSettings(f"the file of settings {config} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InvalidSettings(f"the file of settings {config} is not TOML: {error}") from None


def _variables() -> dict[str, str]:
    """Return the setting that each variable of the environment names, by variable."""
    variables = [variable for variable in os.environ if variable.upper().startswith(PREFIX)]
    return {variable: variable[len(PREFIX) :].lower() for variable in variables}


def _likely(name: str, origin: str) -> str:
    found = get_close_matches(name.lower(), Settings.model_fields, 1)
    if not found:
        return "; `media-service settings` lists them all"
    meant = PREFIX + found[0].upper() if origin.upper().startswith(PREFIX) else found[0]
    return f"; did you mean {meant}?"
