"""What boost saves, and whether it can be trusted."""
