"""What a variant carries so that its reader has less to do: scripts, commands, filled-in forms."""
