"""Grading by a test suite: what a criterion asks for, what the tests of a suite gave, who runs them."""
