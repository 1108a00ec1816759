"""``python -m benchmarks.gateway``."""

from benchmarks.gateway.bench import main

if __name__ == "__main__":
    main()
