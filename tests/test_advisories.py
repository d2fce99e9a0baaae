"""No pinned version, and no version that pyproject.toml allows, has an advisory that is known here.

This works without the internet; `make audit` also asks the database of advisories, where it can be reached.
"""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.server import ROOT

ADVISORIES: list[dict[str, str]] = tomllib.loads((ROOT / "tests" / "advisories.toml").read_text())["advisory"]


def pinned() -> dict[str, Version]:
    """Return the versions in constraints.txt by package."""
    requirements = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line.strip()]
    versions: dict[str, Version] = {}
    for requirement in requirements:
        (exact,) = requirement.specifier
        assert exact.operator == "==", requirement
        versions[canonicalize_name(requirement.name)] = Version(exact.version)
    return versions


def lower_bounds() -> dict[str, Version]:
    """Return the oldest versions that pyproject.toml allows, by package."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["test"]])
    return {
        str(canonicalize_name(requirement.name)): Version(bound.version)
        for requirement in requirements
        for bound in requirement.specifier
        if bound.operator == ">="
    }


def vulnerable(versions: dict[str, Version]) -> list[str]:
    """Return the ids of the advisories that these versions have."""
    found = [advisory for advisory in ADVISORIES if advisory["package"] in versions]
    return [advisory["id"] for advisory in found if versions[advisory["package"]] < Version(advisory["fixed"])]


def test_no_pinned_version_has_a_known_advisory() -> None:
    assert vulnerable(pinned()) == []


def test_no_version_that_is_allowed_has_a_known_advisory() -> None:
    assert vulnerable(lower_bounds()) == []


def test_every_dependency_has_a_lower_bound_that_its_pin_keeps() -> None:
    versions, bounds = pinned(), lower_bounds()
    assert {name for name, bound in bounds.items() if versions[name] < bound} == set()


def test_an_older_version_would_be_found() -> None:
    assert "GHSA-24c4-3p7v-29cm" in vulnerable({"aiohttp": Version("3.14.3")})
    assert vulnerable({"mako": Version("1.3.11")}) == ["CVE-2026-44307"]


@pytest.mark.parametrize("advisory", ADVISORIES, ids=lambda advisory: advisory["id"])
def test_every_advisory_is_of_a_package_that_is_used(advisory: dict[str, str]) -> None:
    assert set(advisory) == {"package", "id", "fixed", "means"}
    assert advisory["package"] == canonicalize_name(advisory["package"])
    assert advisory["package"] in pinned()
