"""Keep the public names honest: what `cambist` offers is listed, sorted and real."""

import importlib
import inspect

PACKAGE = importlib.import_module("cambist")
LISTED: list[str] = list(getattr(PACKAGE, "__all__", []))  # without a list, nothing is public


def test_every_public_name_can_be_imported() -> None:
    missing = [name for name in LISTED if not hasattr(PACKAGE, name)]
    assert not missing


def test_the_public_names_are_sorted_and_stand_once() -> None:
    assert sorted(set(LISTED)) == LISTED


def test_nothing_else_is_public() -> None:
    """Rooms hang from the package once imported; every other name must be listed."""
    others = {
        name
        for name, value in vars(PACKAGE).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert others <= set(LISTED)


def test_a_public_name_is_defined_in_the_house() -> None:
    strangers = [
        name
        for name in LISTED
        if getattr(getattr(PACKAGE, name), "__module__", "cambist").split(".")[0] != "cambist"
    ]
    assert not strangers
