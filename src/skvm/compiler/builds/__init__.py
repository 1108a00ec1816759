"""What a compile leaves on disk: build keys, variants, locks, proofs, and whether they hold."""
