"""Where the protocol's SDK lies, which our client in the cell stands on."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from skvm.errors import InfrastructureError

__all__ = ["sdk_folders"]

_NEEDED = (
    "agent-client-protocol",
    *("pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"),
)


def sdk_folders() -> tuple[Path, ...]:
    """The folders of Python packages that hold the SDK and what it imports, to be shown in a cell.

    Raises:
        InfrastructureError: It is not installed.
    """
    found = []
    for name in _NEEDED:
        try:
            found.append(Path(str(metadata.distribution(name).locate_file(""))).resolve())
        except metadata.PackageNotFoundError as error:
            raise InfrastructureError(
                f"agents over ACP need the Python package {name}: pip install 'skvm[acp]'",
                help="that is skvm with its extra acp; the package goes where skvm itself lies",
            ) from error
    return tuple(dict.fromkeys(found))
