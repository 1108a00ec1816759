"""Types of answers: ids of primitives and levels that can only be real ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from skvm.target.contract import PRIMITIVES

__all__ = ["Form", "LevelNeeded", "PrimitiveId"]

LevelNeeded = Literal["L1", "L2", "L3"]


class Form(BaseModel):
    """An answer or a part of one; what nobody asked for is dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Leave limits of length to the check: a model held to them needs a grammar of their size."""
        schema = handler(core)
        for field in handler.resolve_ref_schema(schema).get("properties", {}).values():
            field.pop("maxLength", None)
        return schema


def _known(value: str) -> str:
    if value not in PRIMITIVES.names():
        raise ValueError(f"{value!r} is no id of the list; use one exactly as it stands there")
    return value


class _Enumerated:
    """Puts the ids there are into the schema, when it is asked for."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "enum": list(PRIMITIVES.names())}


PrimitiveId = Annotated[str, AfterValidator(_known), _Enumerated()]
"""The id of a primitive."""
