"""``python -m benchmarks plan``: what needs no embedded model."""

from __future__ import annotations

from benchmarks.plan import latency, scheduling


def main() -> None:
    scheduling.main()
    latency.main()


if __name__ == "__main__":
    main()
