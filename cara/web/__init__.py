"""HTTP machinery that knows no feature."""
