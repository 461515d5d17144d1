"""The migrations: plain SQL, each with its rollback, in the order of their numbers."""
