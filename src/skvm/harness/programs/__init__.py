"""Harnesses that are programs: installed, started in a cell, pointed at the gateway, read."""
