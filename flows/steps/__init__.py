"""Plain functions that join the parts; the command line, the flows and the pages call these."""
