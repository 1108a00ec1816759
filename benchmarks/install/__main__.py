"""``python -m benchmarks.install [EXTRA…]``."""

from benchmarks.install.bench import main

if __name__ == "__main__":
    main()
