"""The page at /api/docs: the OpenAPI document for people, without anything from elsewhere."""
