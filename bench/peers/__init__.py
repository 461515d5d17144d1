"""Other ways to build the same API, for comparison."""
