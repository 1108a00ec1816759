"""Runs on the user's own Ray cluster: orders go out, entries and blobs come back."""
