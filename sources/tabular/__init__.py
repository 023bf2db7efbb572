"""Mechanics of tabular files: which format, which encoding, where the header is, what a cell says."""
