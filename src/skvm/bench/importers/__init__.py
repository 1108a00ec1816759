"""One importer a file, named after the task set it reads."""
