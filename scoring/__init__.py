"""The pure core: measures and declarations in, points and reasons out. No I/O, no clock."""
