"""What makes the documentation site: generated reference, drawings, pictures, and the runner of code blocks.

Development only; nothing of ``skvm`` imports it. ``mkdocs.yml`` names ``hooks.py``, which uses the rest.
"""
