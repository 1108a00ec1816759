"""Run a step of a template in the current folder: ``boost.py PURPOSE TEMPLATE TICKET VALUES``."""

import os
import sys

sys.dont_write_bytecode = True
if __name__ == "__main__":
    outfit = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, outfit)
    from skvm.runtime.boost.inside import transaction

    sys.exit(transaction.main(sys.argv[1:], outfit))
