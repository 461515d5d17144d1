"""The way to Gemini, and the quota of tokens that it spends."""
