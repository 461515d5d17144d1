"""PostgreSQL: the pool, its retry rule, and the migrations."""
