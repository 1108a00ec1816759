"""What the commands of one turn touch, so that those which touch nothing in common run at once.

Reading is strict: a line is known only if all of it is. One that is not known runs alone, which is slower
and never wrong.
"""

from __future__ import annotations

from skvm.runtime.plan.touching.reading import CommandReader, Touching, with_touching

__all__ = ["CommandReader", "Touching", "with_touching"]
