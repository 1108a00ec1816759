"""Where an atlas is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.cli.console import out, print_json
from skvm.errors import InfrastructureError, UsageError
from skvm.files import replace_file

if TYPE_CHECKING:
    from skvm.target.profile import Profile

__all__ = ["write_atlas"]


def write_atlas(
    profiles: Sequence[Profile],
    *,
    only: Sequence[str] = (),
    folder: Path | None = None,
    png: Path | None = None,
    page: Path | None = None,
    as_json: bool = False,
) -> None:
    """Write the picture and the page of some profiles, whole or not at all, and print where they are.

    Args:
        profiles: The rows, at least one.
        only: The columns; all where empty.
        folder: Takes ``atlas.png`` and ``atlas.html``; here, where nothing else is said.
        png: A file for the picture.
        page: A file for the page.
        as_json: Print the atlas for programs; alone it writes no file.

    Raises:
        UsageError: The profiles know no primitive.
        ConfigError: The charting libraries are not installed.
        InfrastructureError: A file cannot be written.
    """
    from skvm.profiler.atlas import atlas_json, build_atlas

    drawn = build_atlas(profiles, only=only)
    if not drawn.primitive_ids:
        raise UsageError("the profiles know no primitive", help="measure some: skvm profile --model ID")
    if folder is None and png is None and page is None and not as_json:
        folder = Path()
    pictures = [*([png] if png else []), *([folder / "atlas.png"] if folder else [])]
    pages = [*([page] if page else []), *([folder / "atlas.html"] if folder else [])]
    files: dict[Path, bytes] = {}
    if pictures:
        from skvm.cli.atlas import atlas_png

        files |= dict.fromkeys(pictures, atlas_png(drawn))
    if pages:
        from skvm.cli.atlas_page import atlas_html

        files |= dict.fromkeys(pages, atlas_html(drawn).encode())
    for path, data in files.items():
        _write(path.expanduser(), data)
    if as_json:
        print_json({**atlas_json(drawn), "files": [str(path) for path in files]})
        return
    for path in files:
        out.print(f"{path}", markup=False)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise UsageError(f"{path}: is a folder", help="name a file, or give the folder to --out")
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}") from error
