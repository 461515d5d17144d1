"""Readers: from the transcripts that people have to utterances, and who of the speakers is the learner."""
