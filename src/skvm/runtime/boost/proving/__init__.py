"""Proofs that a candidate does what the model did: replayed, fuzzed, and beside the model."""
