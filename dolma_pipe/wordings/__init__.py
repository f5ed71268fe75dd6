"""The shelf of wordings: one file each, found by its name."""
