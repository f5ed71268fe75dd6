"""Formats: how the records of a file become documents, a file a format."""
