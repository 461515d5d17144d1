"""The page at /api/docs: the OpenAPI document for people, without requests to other hosts."""
