"""Speech measures: what can be counted in a transcript is counted here, never guessed by a model."""

from __future__ import annotations

from cara.speech.measuring import measure
from cara.speech.schemas import Fillers, PaceNorm, PhraseUse, SpeechMeasures, Vocabulary

__all__ = ["Fillers", "PaceNorm", "PhraseUse", "SpeechMeasures", "Vocabulary", "measure"]
