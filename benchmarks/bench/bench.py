"""All that is measured of the bench."""

from __future__ import annotations

from benchmarks.bench import false_alarms, report, throughput


def main() -> None:
    throughput.main()
    false_alarms.main()
    report.main()


if __name__ == "__main__":
    main()
