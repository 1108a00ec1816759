"""``python -m benchmarks.cluster``: the bar, the curves and the cost model of runs on a cluster.

``driver`` needs no Ray and takes as long as it is asked for; ``curve`` and ``bar`` start a local cluster.
"""

from __future__ import annotations

import argparse
import functools

import anyio

from benchmarks.cluster import driving, throughput


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["bar", "curve", "driver"], help="bar, curve, driver")
    parser.add_argument("--runs", type=int, default=2_000, help="of the bar")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--latency", type=float, default=1.0, help="of the model, in seconds")
    parser.add_argument("--dispatches", type=int, default=100_000, help="most of the driver alone")
    asked = parser.parse_args()
    if "bar" in asked.parts:
        print(f"\n{throughput.HEAD}")
        counts = (
            [count for count in (100, 250, 500, 1_000) if count < asked.runs]
            if "curve" in asked.parts
            else []
        )
        row = functools.partial(throughput.measure, [*counts, asked.runs])
        anyio.run(row, asked.workers, asked.slots, asked.latency)
    if "curve" in asked.parts:
        print(f"\n{throughput.HEAD}")
        for slots in (1, 4, 8, 32):
            anyio.run(throughput.measure, [slots * asked.workers * 6], asked.workers, slots, asked.latency)
    if "driver" in asked.parts:
        print(f"\n{driving.HEAD}")
        counts = [count for count in (1_000, 10_000, 100_000) if count < asked.dispatches]
        anyio.run(driving.measure, [*counts, asked.dispatches], asked.workers * asked.slots)


if __name__ == "__main__":
    main()
