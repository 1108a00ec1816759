"""JIT-boost: repeated model work becomes verified code that answers in the model's place."""
