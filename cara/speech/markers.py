"""Discourse markers of English: where each phrase is one, and where it is an ordinary word.

`like` follows D'Arcy 2007, American Speech 82: as a quotative (`she was like what`) and before a quantity
(`like ten people`) it has a meaning of its own and is no filler.
"""

from __future__ import annotations

from cara.speech.marker_rules import INTRUSIONS, Marker, Slots
from cara.speech.word_classes import (
    ACTION,
    ADJECTIVE,
    ADVERB,
    ADVERBIAL,
    ANY,
    AUXILIARY,
    BE,
    BELIEF,
    CLAUSE,
    CONJUNCTION,
    COPULA,
    DEMONSTRATIVE,
    DETERMINER,
    DO_NOT,
    EXISTENTIAL,
    FINISH,
    FINITE,
    ING,
    INVERTED,
    LEADING,
    MODAL,
    NEGATION,
    NO,
    NUMBER,
    OBJECT,
    OPEN,
    OPINION,
    PARTICLE,
    PAST,
    PERSON,
    PERSON_BE,
    PREPOSITION,
    QUESTION_WORD,
    SAYING,
    SPEECH,
    START,
    SUBJECT,
    THAT,
    THING,
    TO,
    VERB,
    WOULD,
)  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CLAUSE_BEGINS = PERSON | THING | DETERMINER | QUESTION_WORD | BE | AUXILIARY | MODAL | WOULD
_UNDETERMINED = tuple((before & ~DETERMINER, after) for before, after in INTRUSIONS)
_BEFORE_KIND_OF = _words(
    "a an the this that these those what which some any every each all one another no same other different "
    "new my your his her its our their certain right best only first two three many few"
)
_BEFORE_VERB = _words(
    "do did does don't didn't if as that what how when would let should can must to whatever"
)
_AFTER_CONJUNCTION = _words("and but or because then yeah yes no ok okay oh")
_UNDERSTANDING = _words(
    "translate translates translated translating take takes taken took taking interpret interprets "
    "interpreted understand understood read reads"
)
_KNOWN = _words("that what how who why when where if the it this him them me my your a an all about of")
_OKAY = Marker(
    between=(
        (CONJUNCTION | CLAUSE, _CLAUSE_BEGINS | DEMONSTRATIVE),
        (DEMONSTRATIVE | THAT, FINITE),
        (OPEN | OBJECT, OPEN | ADJECTIVE | DETERMINER | FINITE),
    ),
    answers=True,
    tags=ADJECTIVE | NUMBER | OBJECT,
    not_behind=_words("get gets got do does did done doing treat treated feel feels felt look looks"),
    not_before=_words("with by for if"),
    only_after=_AFTER_CONJUNCTION,
)
_KIND_OF = Marker(
    between=((ANY, PERSON | CONJUNCTION | AUXILIARY | MODAL),), intrudes=(), not_after=_BEFORE_KIND_OF
)
_ASIDES: Slots = (
    *INTRUSIONS,
    (TO | DETERMINER | PREPOSITION | PERSON | BE, ANY & ~FINISH),
    (DEMONSTRATIVE | THAT, FINITE),
    (ADVERB, VERB),
    (SAYING, THAT),
)
_KNOWABLE = _words(
    "everything anything nothing something everyone anyone someone everybody anybody somebody all people "
    "person things ones those"
)
_SEE = Marker(
    between=((CONJUNCTION | CLAUSE, PERSON),),
    points=True,
    governs=True,
    intrudes=_ASIDES,
    not_before=_KNOWN | {"yourself", "those", "these", "anything", "something", "things"},
    not_after=_BEFORE_VERB | {"which", "who", "where"},
)

MARKERS = {
    "like": Marker(
        between=(
            (CONJUNCTION, ANY & ~(DEMONSTRATIVE | NUMBER | OBJECT | FINISH)),
            (DETERMINER, ANY & ~(NUMBER | FINISH)),
            (PREPOSITION | PARTICLE, ANY & ~(NUMBER | DEMONSTRATIVE | OBJECT | FINISH)),
            (PERSON_BE, ING | ADJECTIVE | ADVERB | NEGATION),
            (BE, ADJECTIVE | ADVERB | NEGATION),
            (MODAL, ADJECTIVE | ADVERB | OPEN),
            (AUXILIARY, DETERMINER | ADVERB | ADJECTIVE | VERB | BE | AUXILIARY),
            (ADVERB | NEGATION, VERB | BE | AUXILIARY | MODAL),
            (NEGATION, ADJECTIVE | ADVERB),
            (DEMONSTRATIVE | THAT, FINITE),
            (OPEN | VERB | ING | ADJECTIVE | OBJECT, CONJUNCTION | FINITE),
            (OPEN | VERB | ING | ADJECTIVE, PREPOSITION | PARTICLE | ADVERB),
            (CLAUSE, ADVERB | CONJUNCTION | FINITE),
            (OPINION, PERSON | THING | DETERMINER),
            (BELIEF, SUBJECT),
            (ADVERB, DO_NOT),
            (LEADING, ADJECTIVE),
            (COPULA, ADJECTIVE | ADVERB | NEGATION),
            (EXISTENTIAL, DETERMINER | NO),
            (AUXILIARY, NO),
            (ANY, ADVERBIAL),
        ),
        intrudes=(*INTRUSIONS, (INVERTED, ACTION), (PERSON | THING, PAST)),
        not_before=_words(
            "this that these those minds minded manner fashion in many most all any other others button"
        ),
        compares=True,
        not_after=_words(
            "i you we they he she it people to would do don't did didn't does doesn't you'd i'd we'd they'd "
            "he'd she'd look looks looked looking feel feels felt feeling sound sounds sounded seem seems "
            "seemed taste tastes smell smells something anything nothing things stuff more much such act "
            "acts acted acting behave behaves dressed might may can"
        ),
    ),
    "you know": Marker(
        between=((ANY & ~OPEN, ANY), (OPEN, ANY & ~(PREPOSITION | PARTICLE | FINITE))),
        intrudes=_ASIDES,
        governs=True,
        points=True,
        not_before=_KNOWN,
        not_after=_BEFORE_VERB | _KNOWABLE | {"now", "only"},
    ),
    "i mean": Marker(
        between=((ANY, ANY),),
        intrudes=_ASIDES,
        governs=True,
        not_before=_words("it this that to by"),
        not_after=_BEFORE_VERB | {"things", "which"},
    ),
    "you see": _SEE,
    "sort of": _KIND_OF,
    "kind of": _KIND_OF,
    "basically": Marker(between=((ANY, ANY),)),
    "actually": Marker(between=((ANY, ANY),), not_before=_words("happened happens")),
    "literally": Marker(
        between=((ANY, ANY),),
        not_before=_words("translate translates translated translating mean means meant"),
        not_after=_words("mean meant") | _UNDERSTANDING,
        not_behind=_UNDERSTANDING,
    ),
    "right": Marker(
        between=((START | CONJUNCTION, PERSON | QUESTION_WORD | BE | MODAL),),
        intrudes=_UNDETERMINED,
        opens=False,
        doubles=False,
        answers=True,
        in_series=True,
        tags=ADJECTIVE | NUMBER | OBJECT | VERB | OPEN,
        not_behind=_words(
            "turn turns turned turning get gets got do does did done doing spell spelled answer answered "
            "guess guessed put set play played treat treated make made read heard hear"
        ),
        not_after=_words(
            "go goes went going move moved look looks looked keep kept stay swipe step lean veer steer feel "
            "feels felt sound sounds seem seems all far hard human civil political legal basic is"
        ),
        only_after=_AFTER_CONJUNCTION,
    ),
    "so": Marker(
        between=(*INTRUSIONS, (DETERMINER, OPEN), (BE, DETERMINER)),
        intrudes=(),
        doubles=False,  # `so, so good` is emphasis
        joins=False,
        not_before=_words(
            "that far much many long few little good great nice happy sorry cool true do did does be is was "
            "were are am can will would have had want wanted need happens happened"
        ),
        only_after=_AFTER_CONJUNCTION,
    ),
    "well": Marker(
        between=(
            (CONJUNCTION, _CLAUSE_BEGINS | DEMONSTRATIVE),
            (CLAUSE, PERSON | THING | DETERMINER | NEGATION),
            (PREPOSITION, DETERMINER | PERSON),
            (SPEECH, PERSON | THING),
        ),
        intrudes=(),
        in_series=True,
        not_before=_words(
            "done said known over before after into enough made planned prepared behaved being and water "
            "waters played thought written read put spoken educated dressed paid built off"
        ),
        not_after=_words("as"),
        only_after=_AFTER_CONJUNCTION,
    ),
    "okay": _OKAY,
    "yeah": Marker(between=((ANY, ANY),), answers=True, not_after=_words("say said says")),
    "anyway": Marker(
        between=((ANY, ANY & ~(FINISH | CONJUNCTION | PREPOSITION | PARTICLE | TO | QUESTION_WORD)),),
    ),
}  # fmt: skip
