"""Words of a certificate without keys, and without where things lie on the machine it is made on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from skvm.evidence.redact import Redactor
from skvm.settings import Settings

__all__ = ["Cleaner"]


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Takes secrets and places out of JSON values.

    Args:
        secrets: What knows the secrets of this machine.
        places: What stands for a folder, by its path.
    """

    secrets: Redactor
    places: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """One that knows the cache and the home of whoever runs it."""
        return cls(Redactor.of(settings), {str(settings.cache_dir): "<cache>", str(Path.home()): "~"})

    def value(self, value: Any) -> Any:
        """A JSON value, every text in it cleaned."""
        return self.secrets.json(self._without_places(value))

    def _without_places(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._without_places(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._without_places(item) for item in value]
        if isinstance(value, str):
            for place, name in self.places.items():
                # Not the end of a longer path: "/root" in "data/root".
                pattern = rf"(?<![\w./~-]){re.escape(place)}(?![\w.-])"
                value = re.sub(pattern, name, value)
        return value
