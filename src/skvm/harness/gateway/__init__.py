"""The gateway: the model port as a loopback endpoint that speaks the dialects harnesses speak."""
