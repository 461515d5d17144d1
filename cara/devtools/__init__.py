"""What is for a developer's machine alone."""
