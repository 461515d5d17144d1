"""From a transcript and a judgement to feedback."""
