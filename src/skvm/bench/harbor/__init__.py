"""Tasks in the Harbor format: their image, their paths, their tests."""
