"""Feedback on a transcript: requests, jobs at work, assessment and progress events."""
