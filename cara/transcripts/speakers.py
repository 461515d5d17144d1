"""Who of the speakers is the learner."""

from __future__ import annotations

from cara.transcripts.utterances import Transcript, speaker_key

LEARNER_LABELS = frozenset({"you", "me", "user", "learner", "candidate", "i", "myself"})


class LearnerUnknown(Exception):
    """Nothing says which of the speakers is the learner."""


def learner_labels(
    transcript: Transcript, learner_label: str | None = None, learner_name: str | None = None
) -> frozenset[str | None]:
    """Returns the labels of the learner, as `speaker_key` writes them.

    The learner is `learner_label`, else the label that is known to be the learner's (You, Me, Candidate, …),
    else the one that is `learner_name`, the learner's own name, else the only speaker.

    Raises:
        LearnerUnknown: none of it is in the transcript.
    """
    keys = [speaker_key(label) for label in transcript.speakers]
    for wanted in (learner_label, learner_name):
        if wanted and speaker_key(wanted) in keys:
            return frozenset({speaker_key(wanted)})
    if named := LEARNER_LABELS.intersection(key for key in keys if key):
        return frozenset(named)
    if len(keys) == 1:
        return frozenset(keys)
    raise LearnerUnknown
