"""Candidates of the existing system: read, made safe or refused, and written so that it can read ours."""
