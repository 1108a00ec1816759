"""Portability certificates: what was measured of a skill on a target, hashed and signed."""
