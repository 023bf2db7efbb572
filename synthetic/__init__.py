"""A believable district or province, invented: the truth as typed frames, and exports in each contract's messy shape.

Nothing here describes a real dossier, person or result. `python -m synthetic OUT` writes the demonstration set.
"""
