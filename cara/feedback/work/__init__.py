"""A feedback job from request to outcome."""
