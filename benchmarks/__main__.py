"""``python -m benchmarks [NAME [PART…]…]``: run the benchmarks, each a package with a ``main()``.

A part is one of a benchmark's modules with a ``main()`` of its own, such as ``boost hit-path``.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def main() -> None:
    packages = sorted(info.name for info in pkgutil.iter_modules(benchmarks.__path__) if info.ispkg)
    names = sys.argv[1:] or packages
    for place, name in enumerate(names):
        if name not in packages:
            package = next(each for each in reversed(names[:place]) if each in packages)
            run(f"{package} {name}", f"benchmarks.{package}.{name.replace('-', '_')}")
        elif names[place + 1 : place + 2] in ([], *([each] for each in packages)):
            run(name, f"benchmarks.{name}.bench")


def run(title: str, module: str) -> None:
    print(f"== {title}")
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
