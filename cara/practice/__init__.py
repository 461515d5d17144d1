"""Practice sessions, experience, levels and streaks."""
