"""All benchmarks of boost, the quick ones first."""

from __future__ import annotations

from benchmarks.boost import adversarial, harnesses, hit_path, real_model, standing


def main() -> None:
    """Run them."""
    for part in (hit_path, standing, harnesses, adversarial, real_model):
        part.main()


if __name__ == "__main__":
    main()
