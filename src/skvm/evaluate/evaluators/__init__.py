"""One evaluator a file, named after it."""
