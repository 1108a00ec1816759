from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from skvm.errors import ConfigError, UsageError
from skvm.registry import Registry

GROUP = "skvm.test.things"


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[str]]:
    """A registry over a package made for the test: one good module, and a distribution with two plugins."""
    package = tmp_path / "thing_package"
    package.mkdir()
    (package / "__init__.py").write_text("registry = None\n")
    (package / "good_thing.py").write_text(
        "import thing_package\nthing_package.registry.register('good-thing', 'good')\n"
    )
    (tmp_path / "thing_plugin.py").write_text("entry = 'from a plugin'\n")
    info = tmp_path / "thing_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nplugged = thing_plugin:entry\nbroken = thing_absent:entry\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import thing_package  # type: ignore[import-not-found]

    thing_package.registry = Registry[str]("thing", package="thing_package", group=GROUP)
    yield thing_package.registry
    for name in [name for name in sys.modules if name.startswith("thing_")]:
        del sys.modules[name]


def test_a_name_is_the_name_of_its_module(things: Registry[str]) -> None:
    assert things.get("good-thing") == "good"
    assert things.get("plugged") == "from a plugin"
    assert things.names() == ("broken", "good-thing", "plugged")


def test_an_unknown_name_gets_a_suggestion(things: Registry[str]) -> None:
    with pytest.raises(UsageError, match="unknown thing 'god-thing'") as caught:
        things.get("god-thing")
    assert caught.value.help == "did you mean 'good-thing'?"
    for name in ("", "..", "good thing", "__init__"):
        with pytest.raises(UsageError):
            things.get(name)


def test_a_name_is_given_once(things: Registry[str]) -> None:
    things.get("good-thing")
    with pytest.raises(ValueError, match="registered twice"):
        things.register("good-thing", "another")
    with things.temporarily("fake", "x"):
        assert things.get("fake") == "x"
    with pytest.raises(UsageError):
        things.get("fake")


def test_a_plugin_that_cannot_be_imported_names_its_distribution(things: Registry[str]) -> None:
    with pytest.raises(ConfigError, match="'broken' of thing-plugin cannot be imported") as caught:
        things.get("broken")
    assert caught.value.help == "repair or uninstall thing-plugin"
    assert things.get("good-thing") == "good"


def test_a_plugin_that_cannot_be_used_is_left_out_and_told(things: Registry[str]) -> None:
    assert things.all() == ("good", "from a plugin")
    assert [(found.code, found.severity) for found in things.faults()] == [("SKV403", "warning")]
    assert "'broken' of thing-plugin" in things.faults()[0].message
    assert (things.origin("good-thing"), things.origin("plugged")) == ("skvm", "thing-plugin")


def test_what_a_plugin_registers_before_it_fails_is_taken_back(things: Registry[str], tmp_path: Path) -> None:
    (tmp_path / "thing_absent.py").write_text(
        "import thing_package\nthing_package.registry.register('half', 'made')\n1 / 0\n"
    )
    with pytest.raises(ConfigError, match="division by zero"):
        things.get("broken")
    with pytest.raises(UsageError):
        things.get("half")


def test_a_plugin_does_not_take_a_built_in_name(things: Registry[str], tmp_path: Path) -> None:
    (tmp_path / "thing_absent.py").write_text(
        "import thing_package\nthing_package.registry.register('good-thing', 'bad')\n"
    )
    with pytest.raises(ConfigError, match="'good-thing' is registered twice"):
        things.get("broken")
    assert things.get("good-thing") == "good"


def test_an_entry_is_checked(things: Registry[str]) -> None:
    def refuse(name: str, entry: str) -> None:
        raise ValueError(f"{name} is {entry}")

    checked = Registry[str]("thing", package="thing_package", group=GROUP, check=refuse)
    with pytest.raises(ValueError, match="a is b"):
        checked.register("a", "b")
    with pytest.raises(ConfigError, match="plugged is from a plugin"):
        checked.get("plugged")


def test_a_family_makes_the_entries_of_its_prefix(things: Registry[str], tmp_path: Path) -> None:
    (tmp_path / "thing_package" / "kin.py").write_text(
        "import thing_package\nthing_package.registry.register_family('kin', lambda rest: [rest])\n"
    )
    assert things.get("kin:some words: and more") == ["some words: and more"]
    assert things.get("kin:x") is things.get("kin:x")
    assert things.names() == ("broken", "good-thing", "plugged")
    for name in ("kin", "kind:x", ":x", "good-thing:x"):
        with pytest.raises(UsageError, match="unknown thing"):
            things.get(name)
    with pytest.raises(ValueError, match="registered twice"):
        things.register_family("kin", lambda rest: rest)


def test_a_family_refuses_what_it_cannot_make(things: Registry[str]) -> None:
    def make(rest: str) -> str:
        raise UsageError(f"no command in {rest!r}")

    things.register_family("kin", make)
    for _ in range(2):
        for name in ("kin:", "kin"):
            with pytest.raises(UsageError, match="no command in ''"):
                things.get(name)
