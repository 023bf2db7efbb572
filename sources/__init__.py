"""The boundary: everything between a file somebody dropped and a frame the rest of the program may trust."""
