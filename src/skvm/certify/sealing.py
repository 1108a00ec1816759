"""From a statement to a file that vouches for it, and back."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ValidationError

from skvm.certify.canonical import NotCanonicalError, compact_bytes, decimal, file_bytes, parse_strictly
from skvm.certify.statement import KIND, SCHEMA, Certificate, Signature, Statement

__all__ = ["NoCertificateError", "certificate_bytes", "plain", "read_certificate", "signed_bytes"]


class NoCertificateError(ValueError):
    """Bytes that are no certificate; says why in one line."""


def plain(record: BaseModel) -> Any:
    """A record as JSON holds it, numbers as certificates write them."""
    return _plain(record.model_dump(mode="json", by_alias=True))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return decimal(value) if math.isfinite(value) else None
    return value


def signed_bytes(statement: Statement) -> bytes:
    """What a key signs: the kind and the schema on a line, then the statement in its compact form.

    Raises:
        NotCanonicalError: The statement cannot be written alike everywhere.
    """
    # Without the first line a signature of something else could be passed off as one of a certificate.
    return f"{KIND} {SCHEMA}\n".encode() + compact_bytes(plain(statement))


def certificate_bytes(statement: Statement, signature: Signature | None) -> bytes:
    """The file."""
    return file_bytes(plain(Certificate(statement=statement, signature=signature)))


def read_certificate(data: bytes) -> tuple[Certificate, bool]:
    """A certificate, and whether its bytes are the ones that were written.

    Raises:
        NoCertificateError: It is none, or one of a newer skvm.
    """
    try:
        value = parse_strictly(data)
    except NotCanonicalError as error:
        raise NoCertificateError(str(error)) from error
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise NoCertificateError(f"its kind is not {KIND}")
    schema = value.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise NoCertificateError(f"written by a newer skvm (schema {schema})")
    try:
        # Read from JSON text, where a list may become a tuple; nothing else is converted.
        found = Certificate.model_validate_json(compact_bytes(value))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NoCertificateError(f"{place}: {first['msg']}") from error
    return found, file_bytes(plain(found)) == data
