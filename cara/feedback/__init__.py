"""Feedback on a transcript: jobs, measures, judgement and progress events."""
