"""Answers of the newer commands as Vietnamese tables, one file per command; shared pieces are in `apps.show`."""
