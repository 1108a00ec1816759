"""What the bench itself costs, and whether its figures can be trusted."""
