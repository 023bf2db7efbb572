"""Storage: the embedded or given PostgreSQL, its migrations, loads and queries."""
