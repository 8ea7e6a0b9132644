"""Keep the public names honest: what `cambist` offers is listed, sorted and real."""

import importlib
import inspect
from types import ModuleType

import pytest


@pytest.fixture
def package() -> ModuleType:
    """Load the package by name, as a stranger would."""
    return importlib.import_module("cambist")


def test_every_public_name_can_be_imported(package: ModuleType) -> None:
    missing = [name for name in package.__all__ if not hasattr(package, name)]
    assert not missing


def test_the_public_names_are_sorted_and_stand_once(package: ModuleType) -> None:
    assert list(package.__all__) == sorted(set(package.__all__))


def test_nothing_else_is_public(package: ModuleType) -> None:
    """Rooms hang from the package once imported; every other name must be listed."""
    others = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert others <= set(package.__all__)


def test_a_public_name_is_defined_in_the_house(package: ModuleType) -> None:
    for name in package.__all__:
        home = getattr(getattr(package, name), "__module__", "cambist")
        assert home.split(".")[0] == "cambist" or name.startswith("__"), name
