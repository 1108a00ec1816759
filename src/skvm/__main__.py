"""``python -m skvm``: the same as ``skvm``."""

from skvm.cli.main import main

if __name__ == "__main__":
    main()
