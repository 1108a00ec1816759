"""Translation between the dialects of the gateway and pydantic-ai's messages, both ways, whole and streamed.

Each dialect is a package of its own and knows nothing of the others; what they share is how foreign JSON is
read (``reading``), how a conversation is put together (``conversation``), in what order streamed parts are
told (``pieces``) and how ids, arguments and thinking keep what another dialect has no place for (``writing``,
``thinking``).
"""

from __future__ import annotations

from importlib import import_module

from skvm.errors import UsageError
from skvm.harness.gateway.translate.contract import DIALECTS, Translation

__all__ = ["translation_for"]


def translation_for(dialect: str) -> Translation:
    """The translation of a dialect by its name: ``chat``, ``responses`` or ``messages``.

    Raises:
        UsageError: There is no such dialect.
    """
    if dialect not in DIALECTS:
        raise UsageError(f"no dialect {dialect!r}", help=f"the dialects are {', '.join(DIALECTS)}")
    package = import_module(f"{__name__}.{dialect}")
    translation: Translation = package.TRANSLATION
    return translation
