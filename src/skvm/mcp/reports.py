"""Resources: reports of bench sessions, and the skills that tell an agent how to use all this."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from skvm.errors import UsageError
from skvm.mcp.ground import Ground, plain_id
from skvm.skills.shipped import shipped_skills

__all__ = ["add_reports"]

_MAX_BYTES = 4 << 20


def add_reports(server: MCPServer[Any], ground: Ground) -> None:
    """Add them to a server."""

    @server.resource("skvm://bench/{session}/report.md", mime_type="text/markdown")
    def bench_report(session: str) -> str:
        """The report of a bench session, to be read."""
        return _read(ground, session, "report.md")

    @server.resource("skvm://bench/{session}/report.json", mime_type="application/json")
    def bench_report_json(session: str) -> str:
        """The report of a bench session, with every run."""
        return _read(ground, session, "report.json")

    @server.resource("skvm://skills/{name}", mime_type="text/markdown")
    def skill(name: str) -> str:
        """How an agent uses skvm: skvm-general, skvm-jit."""
        try:
            (found,) = shipped_skills([name])
        except UsageError as error:
            raise ResourceNotFoundError(error.message) from error
        return "\n\n".join(found.files[each].decode() for each in sorted(found.files))


def _read(ground: Ground, session: str, name: str) -> str:
    try:
        plain_id(session, "session")
    except UsageError as error:
        raise ResourceNotFoundError(error.message) from error
    file = ground.settings.logs_dir / "bench" / session / name
    if "/" in session or not file.is_file():
        raise ResourceNotFoundError(f"session {session} has no {name}")
    if file.stat().st_size > _MAX_BYTES:
        raise ResourceNotFoundError(f"{name} of session {session} is too large to be sent: {file}")
    return file.read_text(encoding="utf-8")
