"""One condition a file, named after it."""
