"""Practice sessions and their transcripts."""
