"""Seeing a plan run: its records as a timeline, and the timeline in the form trace viewers open."""
