"""All generated pages of the site, by their path below ``docs/``."""

from __future__ import annotations

from docsite import commands, diagnostics, drawing, primitives, records, variables

__all__ = ["generated_files"]


def generated_files() -> dict[str, str]:
    """Path → content, made from the package as it is now."""
    return {
        **commands.pages(),
        **records.pages(),
        "reference/diagnostics.md": diagnostics.page(),
        "reference/primitives.md": primitives.page(),
        "reference/environment.md": variables.page(),
        "pictures/architecture.svg": drawing.architecture_svg(),
        "pictures/icon.svg": drawing.icon_svg(),
    }
