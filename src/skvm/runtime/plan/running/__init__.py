"""One plan run from the command line: its plan, its lock, its cell, its journal, and going on with it."""
