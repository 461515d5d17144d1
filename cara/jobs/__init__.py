"""Feedback jobs as rows: statements, transitions, and who is notified."""
