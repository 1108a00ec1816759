"""Great-circle distance between two places.

sphere.py LAT1 LON1 LAT2 LON2 [--radius R] [--digits N]     degrees; R in the unit of the answer, 6371 (km)
"""

import argparse
import math
import re
import sys


def degrees(text: str) -> float:
    """Degrees from a number, perhaps with N, E, S or W beside it; south and west are negative."""
    found = re.fullmatch(r"\s*([NESW]?)\s*([-+]?\d+(?:\.\d+)?)\s*°?\s*([NESW]?)\s*", text, re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of degrees")
    side = (found[1] or found[3]).upper()
    return float(found[2]) * (-1 if side in {"S", "W"} else 1)


def distance(places: list[float], radius: float) -> float:
    """The way along the sphere, in the unit of the radius."""
    lat1, lon1, lat2, lon2 = (math.radians(value) for value in places)
    a = math.sin((lat2 - lat1) / 2) ** 2
    b = math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * radius * math.asin(math.sqrt(min(1.0, a + b)))


def main() -> None:
    """Read the command line and print the distance."""
    parser = argparse.ArgumentParser(prog="sphere.py", usage=__doc__)
    parser.add_argument("places", nargs=4, type=degrees)
    parser.add_argument("--radius", type=float, default=6371.0)
    parser.add_argument("--digits", type=int, default=3)
    options = parser.parse_args()
    if abs(options.places[0]) > 90 or abs(options.places[2]) > 90:
        sys.exit("sphere.py: a latitude lies between -90 and 90; latitude comes before longitude")
    sys.stdout.write(f"{distance(options.places, options.radius):.{max(0, options.digits)}f}\n")


if __name__ == "__main__":
    main()
