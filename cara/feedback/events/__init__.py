"""The progress events of feedback jobs."""
