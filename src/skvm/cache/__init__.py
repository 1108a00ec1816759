"""What is kept on the disk: how much, who refers to it, what may go, and what another system kept."""
