"""How a part of a report stands in JSON: camel case, and a null only where it says "no data"."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict, SerializerFunctionWrapHandler, model_serializer
from pydantic.alias_generators import to_camel

from skvm.evidence.record import Record

__all__ = ["Part"]


class Part(Record):
    """A part of a report.

    A key named in ``NULL_IS_NO_DATA`` is always written; any other is left out where it is ``None``, since
    readers of the compatible fields know it as optional.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )
    NULL_IS_NO_DATA: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = handler(self)
        return {key: value for key, value in told.items() if value is not None or key in self.NULL_IS_NO_DATA}
