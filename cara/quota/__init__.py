"""The tokens that a learner may use a day: reservations, settlements, and `GET /api/gemini/quota`."""
