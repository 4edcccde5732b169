"""Calls described as data, and installed by ``calls.installation``."""
