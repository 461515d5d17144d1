"""Measures of speech that can be computed from a transcript, so that no model has to guess them."""

from __future__ import annotations

from cara.speech.applicability import MIN_COMPARED_WORDS, MIN_JUDGED_WORDS
from cara.speech.fluency import count_fluent_words, count_spoken_words
from cara.speech.measures import measure, measure_talk
from cara.speech.schemas import Fillers, PaceNorm, PhraseUse, SpeechMeasures, Vocabulary

__all__ = [
    "MIN_COMPARED_WORDS",
    "MIN_JUDGED_WORDS",
    "Fillers",
    "PaceNorm",
    "PhraseUse",
    "SpeechMeasures",
    "Vocabulary",
    "count_fluent_words",
    "count_spoken_words",
    "measure",
    "measure_talk",
]
