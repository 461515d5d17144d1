"""`cara seed`: learners who have practised for weeks, for a development database."""
