"""The Gemini API behind one client: streams, retries, circuit breaker, errors. It knows no feature."""
