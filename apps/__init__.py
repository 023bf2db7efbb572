"""The faces: the command line now, pages and reports later."""
