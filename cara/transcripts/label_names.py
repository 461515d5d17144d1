"""What may be the name of a speaker, and what begins lines of prose instead."""

from __future__ import annotations

import re
from functools import lru_cache

from cara.transcripts.speakers import LEARNER_LABELS, OTHER_LABELS

_NUMBERED = re.compile(
    r"(?:speaker|person|participant|voice|interviewer|interviewee|candidate|guest|host|student|teacher|caller"
    r"|agent|customer|user|unknown speaker|unidentified speaker|male|female|man|woman|sprecher|orador"
    r"|hablante|locuteur|intervenant|falante|spk|channel|話者|说话人|發言人|发言人|참석자|화자)"
    r"(?:[ _:#-]{0,2}\d{1,4}|[ _:#-](?:[a-z]|one|two|three|four|five))"
    r"|(?![qa]\d)[a-z]{1,2}\d{1,3}"  # Q1 and A1 are a question and its answer
)
_UNKNOWN = frozenset({"unknown", "unknown speaker", "unidentified", "unidentified speaker", "speaker"})

# Words that begin a line and have a colon in ordinary prose, minutes and letters: they name no speaker.
_NOT_A_NAME = frozenset(
    "first second third fourth fifth finally last lastly next then now so and or but also because however "
    "therefore note notes nb example examples problem problems solution solutions result results reason "
    "reasons remember fact facts title subject topic topics agenda summary conclusion introduction overview "
    "yes no ok okay well step steps point points goal goals today tomorrow yesterday http https ftp mailto "
    "date time duration location place venue re fw fwd cc bcc url link links email mail phone tel fax ps "
    "p.s pros cons plan plans option options tip tips warning update updates status risk risks decision "
    "decisions deadline budget cost costs price total action actions background attendees participants "
    "present absent apologies meeting transcript transcription recording minutes chapter section part page "
    "question questions answer answers quote source sources see ingredients method instructions day week "
    "month year monday tuesday wednesday thursday friday saturday sunday to dear ref owner next.steps task "
    "tasks issue issues priority category name address language format version file created recorded "
    "exported hinweis beispiel problem fazit thema datum zeit ort nota ejemplo fecha hora tema exemple "
    "remarque sujet exemplo data bonus moral lesson key idea ideas aim purpose context situation evidence "
    "claim argument advantages disadvantages benefits strengths weaknesses from sent "
    "attachments where when why how what which "
    "who if to for with at in on by try except else elif finally while return class def case default "
    "public private import type value key color width height".split()
)
# Words that begin a clause; a name begins with one only if its other words begin with capitals (`THE COURT`).
_OPENERS = frozenset(
    "the a an my our your his her its their this that these those here there it we they he she what which "
    "who how why when where if in on at for from with by as of one two three some all any each every just "
    "let is are was were do does did not i'm i've it's that's here's there's you i me us".split()
)
# What stands behind a name where prose quotes somebody.
_SAYS = frozenset("said says say asked asks replied replies wrote writes added adds is are was were".split())
_PARTICLES = frozenset(
    "de la las los del da do dos das di du van von der den ter af bin ibn al el y e".split()
)
_JOINING = _PARTICLES | {"and", "the", "of"}
_STAGE_MARK = re.compile(
    r"(?:\w{1,20} )?(?:music|applause|laugh\w{0,5}|pause\w?|silence|inaudible|unintelligible|crosstalk"
    r"|cough\w{0,3}|sigh\w{0,3}|noise|cheer\w{0,4}|beat|breath\w{0,3}|blank.audio"
    r"|foreign|sound\w?|chuckl\w{1,4}"
    r"|overlap\w{0,5})",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:19|20)\d\d\b|(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]{0,6}\.? \d",
    re.IGNORECASE,
)


def is_known(key: str) -> bool:
    """Returns whether a label, as `speaker_key` writes it, is one in every transcript."""
    return (
        key in LEARNER_LABELS
        or key in OTHER_LABELS
        or key in _UNKNOWN
        or _NUMBERED.fullmatch(key) is not None
    )


def is_stage_mark(name: str) -> bool:
    """Returns whether what stands in brackets is a sound or a silence rather than a name."""
    return _STAGE_MARK.fullmatch(name) is not None


@lru_cache(4_096)
def may_be_name(name: str) -> bool:
    """Returns whether a speaker may be called so; what begins a line of prose is none."""
    first, *others = name.split()
    word = first.casefold().strip(".,")
    if word in _NOT_A_NAME:
        return False
    if word in _OPENERS and others:
        return not any(other[0].islower() for other in others)
    if others and others[-1].casefold() in _SAYS:
        return False
    if len(others) > 4 and not is_capitalized(name):
        return False
    return not _DATE.search(name) and ("," not in name or is_capitalized(name))


@lru_cache(4_096)
def is_capitalized(name: str) -> bool:
    """Returns whether the name is written as names are: no word but a particle begins with a small letter."""
    first, *others = name.split()
    return not first[0].islower() and not any(word[0].islower() for word in others if word not in _PARTICLES)


@lru_cache(4_096)
def is_full_name(name: str) -> bool:
    """Returns whether the name is written as first and last names are: two to four words with capitals."""
    words = [word for word in name.split() if word not in _JOINING]
    return 2 <= len(words) <= 4 and all(word[0].isalpha() and not word[0].islower() for word in words)
