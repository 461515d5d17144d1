"""Questions: those with a question mark and, in English, those that only begin as one; open and closed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from cara.speech.words import ASKED, BREAK, END, Words

_FIRST_WORDS = 8
_PERSONS = "i you we they".split()
_SUBJECTS = [*_PERSONS, *"he she it there this that".split()]
_INVERTED_VERBS = (
    "does did can could will would is are was has am isn't aren't wasn't weren't doesn't didn't can't "
    "couldn't won't wouldn't shouldn't hasn't haven't"
).split()
_VERBS_BEFORE_PERSONS = "do have don't".split()  # `Do it` and `Have it ready` are orders
_VERBS_BEFORE_NOUNS = "does did is are can could will would has".split()
_DETERMINERS = "the my your our their these those anyone anybody everyone everybody".split()
_INVERTED = {(verb, subject) for verb in _INVERTED_VERBS for subject in _SUBJECTS} | {
    (verb, person) for verb in _VERBS_BEFORE_PERSONS for person in _PERSONS
}
_VERB_FIRST = (
    _INVERTED
    | {(verb, word) for verb in _VERBS_BEFORE_NOUNS for word in _DETERMINERS}
    | {(verb, person) for verb in ("should", "shall", "may") for person in ("i", "we")}
)
# These also begin a condition, which has a comma: `Should you need help, call`.
_CONDITIONS = {("should", subject) for subject in _SUBJECTS} | {("were", person) for person in _PERSONS}

_QUESTION_WORDS = "what why how who where when".split()
_QUESTION_VERBS = "is are was were do does did can could will would should has have".split()
_WORD_FIRST = {(word, verb) for word in _QUESTION_WORDS for verb in _QUESTION_VERBS} | {
    ("how", "about"), ("how", "come"), ("what", "about"), ("what", "if"), ("why", "not"),
    ("whose", "is"), ("whose", "are"), ("whose", "was"),
}  # fmt: skip
# Orders, wishes, parts of statements: `Don't you worry`, `Would that it were so`, `What does not help harms`.
_NO_QUESTIONS = {
    *(("don't", "you", verb) for verb in ("dare", "ever", "forget", "worry")),
    *(("would", "that", subject) for subject in _SUBJECTS),
    *(("what", verb, "not") for verb in _QUESTION_VERBS),
}
_SHORT_FORMS = {
    word + short: (word, verb)
    for word in _QUESTION_WORDS
    for short, verb in (("'s", "is"), ("'re", "are"), ("'d", "did"), ("'ll", "will"))
}
# The most words between question word and verb: `What time is it`, `How many of them do you have`.
_WORDS_BEFORE_VERB = {"which": 3, "what": 1, "whose": 2, "how": 3}
_AFTER_HOW = frozenset("many much often long far old soon big well good fast".split())
# The verbs of a sentence of which the question word is a part, unless a subject or another clause has them:
# `What is true is that we won`, but `What is the reason that you are here`.
_VERBS_OF_STATEMENTS = frozenset("is are was were will would can could might must should has".split())
_BEFORE_VERBS_OF_CLAUSES = frozenset([*_SUBJECTS, *_QUESTION_WORDS, "which"]) - {"this"}

_CERTAIN_SUBJECTS = frozenset([*_PERSONS, "he", "she", "it"])
_WORDS_OF_NAME = 2
_MIN_WORDS = 3  # of an echo, and of a name and a question
# `You know what?` asks nothing yet, and `He asked me why?` tells of a question.
_BEFORE_ECHOES_OF_NOTHING = frozenset("know guess say see tell asked ask me him her us them and or".split())
_ASKING_WORDS = frozenset([*_QUESTION_WORDS, "which", "whose", "whom"])
_NEVER_RELATIVE = frozenset("what why how".split())  # unlike `Ann, who runs the shop`
_EXCLAMATIONS = {("what", "a"), ("what", "an")}
_CONNECTIVES = frozenset("and but or then well okay ok now oh yes yeah no please".split())
_PREPOSITIONS = frozenset("to in with for at on by from of about since until".split())
_TAG_VERBS = [*_INVERTED_VERBS, *_VERBS_BEFORE_PERSONS, "were", "should", "shall"]
_TAG = re.compile(
    "right|correct|okay|ok|yes|yeah|no|eh|huh|really"
    f"|(?:{'|'.join(_TAG_VERBS)}) (?:{'|'.join(_SUBJECTS)})(?: not)?"
)
_INVITATION = re.compile(
    r"(?P<asked>(?:can|could|will|would) you )?(?:please )?"
    r"(?:tell (?:me|us) (?:(?:all |a little |a bit )?(?:about|more)|how|what|why)\b"
    r"|(?:talk|walk|take) (?:me|us) through\b"
    r"|(?:describe|explain)\b(?(asked)| (?:how|what|why|your|to|for)\b))"
)


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions in all, and how many are open and closed: None where these can't be told apart."""

    count: int
    open: int | None
    closed: int | None


def find_questions(words: Words, fluent: Words, *, english: bool) -> Questions:
    """Counts the sentences that end in a question mark or, in English, begin as a question.

    A question begins with a verb and a subject (`Could you`, `Is the shop`), with a question word and a verb
    (`What is`), or with a question word, its noun, verb and subject (`What time is it`); or it invites to
    tell, describe or explain (`Tell me about your day`). Not counted: orders (`Do it now`), conditions
    (`Should you need help, call`), exclamations (`What a day!`), wishes (`May it last`), and question words
    that are part of a statement (`What is true is that we won`).
    Open are those that begin with a question word, behind a name or a clause too (`Ann, why is that?`), or
    end in one (`You went where?`), and invitations to tell. All others are closed: yes or no, a choice
    (`Which is it, tea or coffee?`), and tags (`How nice, isn't it?`). Open and closed ones together are all.
    Norm: none; open questions let the other speak. Source: Rogers & Farson 1957, Active Listening; Miller &
    Rollnick 2013, Motivational Interviewing.
    Limit: `What time is it?` counts as open, though a word answers it. Without a question mark only what
    begins as a question is found. The question mark of Greek is a semicolon, and doesn't count.
    """
    marked = sum(1 for bits in words.after if bits & ASKED)
    if not english:
        return Questions(marked, None, None)
    unmarked = [found for found in _sentences_without_mark(fluent) if _begins_as_question(fluent, *found)]
    open_ones = sum(_is_open(fluent, *found) for found in [*_marked(fluent), *unmarked])
    # A question of fillers alone (`Right?`) is not among the fluent words; it is closed.
    total = marked + len(unmarked)
    return Questions(total, open_ones, total - open_ones)


def _marked(words: Words) -> Iterator[tuple[int, int]]:
    """Yields the range of each question with a mark, from the start of its sentence or quotation."""
    start = 0
    for index, bits in enumerate(words.after):
        if bits & ASKED:
            yield start, index + 1
        if bits & (ASKED | END) or words.gaps[index].endswith(('"', "“", "«", "„", " '")):
            start = index + 1


def _sentences_without_mark(words: Words) -> Iterator[tuple[int, int]]:
    """Yields the range of each sentence that has neither a question mark nor ends in an exclamation mark."""
    for start, end in words.sentences:
        if "!" not in words.gaps[end - 1] and not any(map(ASKED.__and__, words.after[start:end])):
            yield start, end


def _begins_as_question(words: Words, start: int, end: int) -> bool:
    opening = _opening(words, start, end, _CONNECTIVES)
    if opening[:1] == ["so"] and not _ASKING_WORDS.isdisjoint(opening[1:2]):  # `So do I` asks nothing
        opening = opening[1:]
    two, three = tuple(opening[:2]), tuple(opening[:3])
    if three in _NO_QUESTIONS:
        return False
    if _asks_behind_comma(words, start, end):
        return True
    if two in _CONDITIONS and two not in _VERB_FIRST:
        return not any(bits & BREAK for bits in words.after[start:end])
    if two in _WORD_FIRST:
        return three[-1] in _SUBJECTS or not _is_statement(words, start, end)
    if two in _VERB_FIRST or _has_verb_after_noun(opening):
        return True
    return bool(_INVITATION.match(" ".join(opening)))


def _asks_behind_comma(words: Words, start: int, end: int) -> bool:
    """Returns whether a question follows a clause or a name: `Ann, where are you`, `Ann, is it late`."""
    if end - start < _MIN_WORDS:
        return False
    begin = _end_of_clause(words, start, min(end, start + _FIRST_WORDS))
    if not words.after[begin - 1] & BREAK:
        return False
    opening = _opening(words, begin, end, ())
    two = tuple(opening[:2])
    if two in _WORD_FIRST:
        return not _CERTAIN_SUBJECTS.isdisjoint(opening[2:3])
    is_name = all(raw[0].isupper() and raw != "I" for raw in words.raw[start:begin])
    return is_name and begin - start <= _WORDS_OF_NAME and two in _VERB_FIRST - _CONDITIONS


def _opening(words: Words, start: int, end: int, skipped: Collection[str]) -> list[str]:
    """Returns the first words of a sentence, `what's` as two, without the skipped ones before them.

    Nor does a preposition before a question word count: `To whom`.
    """
    lower = words.lower[start : min(end, start + _FIRST_WORDS)]
    begin = next((index for index, word in enumerate(lower) if word not in skipped), len(lower))
    match lower[begin : begin + 2]:
        case [preposition, word] if preposition in _PREPOSITIONS and word in _ASKING_WORDS:
            begin += 1
    return [part for word in lower[begin:] for part in _SHORT_FORMS.get(word, (word,))]


def _is_statement(words: Words, start: int, end: int) -> bool:
    """Returns whether a verb follows that is none of the question's: `What is true is that we won`."""
    clause = words.lower[start : _end_of_clause(words, start, end)]
    return any(
        verb in _VERBS_OF_STATEMENTS and before not in _BEFORE_VERBS_OF_CLAUSES
        for before, verb in list(pairwise(clause))[1:]
    )


def _end_of_clause(words: Words, start: int, end: int) -> int:
    return next((index + 1 for index in range(start, end) if words.after[index] & BREAK), end)


def _has_verb_after_noun(opening: list[str]) -> bool:
    """Returns whether verb and subject follow the noun of a question word: `Which one do you want`."""
    if len(opening) < 2 or opening[0] not in _WORDS_BEFORE_VERB or opening[1] in _SUBJECTS:
        return False
    if opening[0] == "how" and opening[1] not in _AFTER_HOW:
        return False
    pairs = list(pairwise(opening[1:]))[1 : 1 + _WORDS_BEFORE_VERB[opening[0]]]
    return any(pair in _INVERTED and pair[1] not in ("this", "that") for pair in pairs)


def _is_open(words: Words, start: int, end: int) -> bool:
    """Returns whether a question is open; what stands before a comma may be a name or a clause."""
    if _ends_in_tag(words, start, end):
        return False
    begin = start
    while begin < end:
        opening = _opening(words, begin, end, _CONNECTIVES | {"so"})
        if _INVITATION.match(" ".join(opening)):
            return True
        if tuple(opening[:2]) in _VERB_FIRST:
            return False
        if _asks_by_word(words, begin, end, opening, behind=begin > start):
            return opening[0] != "which" or "or" not in words.lower[begin:end]
        begin = _end_of_clause(words, begin, end)
    return _echoes(words, start, end)


def _echoes(words: Words, start: int, end: int) -> bool:
    """Returns whether a question word stands at the end, for what was not understood: `You went where?`."""
    if end - start < _MIN_WORDS or words.lower[end - 1] not in _ASKING_WORDS:
        return False
    return words.lower[end - 2] not in _BEFORE_ECHOES_OF_NOTHING


def _asks_by_word(words: Words, begin: int, end: int, opening: list[str], *, behind: bool) -> bool:
    """Returns whether a question word asks; else its clause is part of the sentence: `When we met, …`."""
    if not opening or opening[0] not in _ASKING_WORDS or tuple(opening[:2]) in _EXCLAMATIONS:
        return False
    if tuple(opening[:2]) in _WORD_FIRST or _has_verb_after_noun(opening):
        return True
    if opening[1:2] and opening[1] in _SUBJECTS:
        return _end_of_clause(words, begin, end) == end and not _is_statement(words, begin, end)
    return not behind or opening[0] in _NEVER_RELATIVE


def _ends_in_tag(words: Words, start: int, end: int) -> bool:
    """Returns whether `isn't it`, `right` or the like stands behind the last comma."""
    last = next(
        (index + 1 for index in range(end - 2, max(start, end - 4) - 1, -1) if words.after[index] & BREAK),
        end,
    )
    return bool(_TAG.fullmatch(" ".join(words.lower[last:end])))
