"""The data files: sorted, without doubles, nothing that comes with Python."""

from __future__ import annotations

import importlib.resources
import sys

import pytest

from skvm.compiler.dependencies.tables import (
    BASE,
    distribution_of,
    distributions,
    import_names,
    normal,
    programs,
)

FILES = ("imports.txt", "distributions.txt", "programs.txt", "services.txt", "products.txt")


@pytest.mark.parametrize("name", FILES)
def test_files_are_sorted_and_hold_no_name_twice(name: str) -> None:
    data = importlib.resources.files("skvm.compiler.dependencies").joinpath("data", name)
    lines = [line for line in data.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]

    keys = [line.split()[0] for line in lines]
    assert lines == sorted(lines)
    assert len(keys) == len(set(keys))


def test_the_map_of_imports() -> None:
    names = import_names()

    assert len(names) >= 300
    assert not {name for name in names if name.split(".")[0] in sys.stdlib_module_names}
    # A name that says the same in other signs needs no line, unless it is a part of a namespace.
    assert not {name for name in names if "." not in name and normal(name) == normal(names[name])}
    assert {normal(distribution) for distribution in names.values()} <= distributions()


@pytest.mark.parametrize(
    ("module", "distribution", "known"),
    [
        ("PIL", "pillow", True),
        ("PIL.Image", "pillow", True),
        ("yaml", "PyYAML", True),
        ("sklearn.decomposition", "scikit-learn", True),
        ("azure.storage.blob", "azure-storage-blob", True),
        ("azure.storage.blob.aio", "azure-storage-blob", True),
        ("google.cloud.storage", "google-cloud-storage", True),
        ("sentence_transformers", "sentence-transformers", True),
        ("nobody_knows_this", "nobody-knows-this", False),
    ],
)
def test_distributions_of_modules(module: str, distribution: str, known: bool) -> None:
    assert distribution_of(module) == (distribution, known)


def test_no_program_of_the_base_system_is_a_need() -> None:
    assert not programs().keys() & BASE
