"""What the operator gave: defaults < TOML file < environment (`MEDIA_SERVICE_…`) < command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from media_service.config import Settings

if TYPE_CHECKING:
    from pathlib import Path


class Given(Settings, BaseSettings):
    """Settings that look for their values themselves."""

    model_config = SettingsConfigDict(env_prefix="MEDIA_SERVICE_")

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
    """The settings of this run; flags that are None were not given. Raises pydantic's ValidationError."""

    class Configured(Given):
        model_config = SettingsConfigDict(toml_file=config)

    return Configured(**{name: value for name, value in flags.items() if value is not None})
