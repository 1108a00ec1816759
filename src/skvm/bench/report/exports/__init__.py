"""What other programs read of a session: CSV, JUnit XML, ATIF."""
