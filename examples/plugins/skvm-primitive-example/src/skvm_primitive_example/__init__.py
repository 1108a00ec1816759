"""A primitive for skvm in a package of its own."""
