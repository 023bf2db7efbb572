"""Where the year ends, how sure, and what would change it. Pure and seeded; every draw goes through the real rules."""
