"""Classes of English words, told from closed lists and a few suffixes.

They are enough to see what a phrase stands between. A word may be of several classes (`her` determines and is
an object), and most nouns are of none.
"""

from __future__ import annotations

PERSON = 1  # a subject that can speak: `we`
THING = 2  # another subject: `it`
OBJECT = 4  # `him`
DETERMINER = 8  # `the`, `my`
DEMONSTRATIVE = 16  # `this`, `many`: may stand alone, or before a noun
NUMBER = 32
BE = 64
AUXILIARY = 128  # `have`, `did`
MODAL = 256  # `could`
WOULD = 512
NEGATION = 1024
TO = 2048
PREPOSITION = 4096  # `of`, but for `to`; a noun is still to come
CONJUNCTION = 8192
QUESTION_WORD = 16384
VERB = 32768  # a common verb that is no noun: `went`
ING = 65536
ADVERB = 131072  # of degree, time or manner: `really`
ADJECTIVE = 262144
SAYING = 524288  # `thinking`, which a clause follows
PARTICLE = 1048576  # a preposition that may also end a clause: `in`
OPEN = 2097152  # none of the above
PERSON_BE = 4194304  # a form of `be` whose subject is a person: `we were`
START = 8388608  # in place of the word before: the sentence begins here
CLAUSE = 16777216  # beside the class of the word before: a comma or dash follows it
THAT = 33554432
FINISH = 67108864  # in place of the word after: the sentence ends here
OPINION = 134217728  # `guess`, which a clause follows, and no comparison
SPEECH = 268435456  # `said`
COPULA = 536870912  # `got`, before an adjective
NO = 1073741824
DO_NOT = 2147483648  # `don't`
EXISTENTIAL = 4294967296  # a form of `be` whose subject is `there`
INVERTED = 8589934592  # a subject behind its verb: `can you`
LEADING = 17179869184  # `this` where a clause begins
ADVERBIAL = 34359738368  # in place of the word after: `at all`
ACTION = 68719476736  # beside the class of the word after: an object follows it, as in `help me`
BELIEF = 137438953472  # `think`
SUBJECT = 274877906944  # beside the class of the word after: its verb follows, as in `we should`, `it's`
PAST = 549755813888  # beside `ACTION`: `joined the`
ANY = 2 * PAST - 1
FINITE = VERB | BE | AUXILIARY | MODAL | WOULD | NEGATION

_LISTS = {
    PERSON: "i you we they he she who everybody everyone somebody someone nobody y'all",
    THING: "it there",
    OBJECT: "me him them us her myself yourself himself herself themselves ourselves itself",
    DETERMINER: "the a an my your his its our their every each whose",
    DEMONSTRATIVE: "this that these those some any all both many most few several no another such other",
    NUMBER: "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand million billion dozen half hundreds thousands dozens",
    BE: "is are was were be been being am isn't aren't wasn't weren't ain't",
    AUXILIARY: "have has had having do does did haven't hasn't hadn't",
    MODAL: "could can should will may might must shall couldn't can't shouldn't won't cannot",
    WOULD: "would wouldn't",
    NEGATION: "not never don't didn't doesn't",
    TO: "to",
    PREPOSITION: "at for with of from by into onto between during until without within against per toward "
    "towards upon despite",
    PARTICLE: "in on about around through over under after before across along behind near off since out up "
    "down back",
    CONJUNCTION: "and but or because cause 'cause if when while then than although though whether "
    "unless nor plus whereas",
    QUESTION_WORD: "what who how why where when which whose",
    VERB: "went go goes gone said say says got get gets had has have did came come comes took take takes "
    "made make makes gave give gives told tell tells saw sees see knew know knows think thinks thought "
    "want wants wanted need needs needed wanna gonna gotta tried try tries started start starts stopped "
    "left leave found find finds kept keep keeps put let became become began begin brought bring bought "
    "buy built build sold sell sent send spent spend lost lose met meet paid pay ran wrote write "
    "understand understood believe believed hope hoped guess forgot forget remember decided decide asked "
    "ask agree agreed call called learned learn happened happens used walked talk talked moved "
    "worked looked helped showed grew held heard hear felt feel remembered realized realised figured "
    "sat stood ate drank drove flew fell broke chose wore threw spoke slept stole taught caught fought",
    ADVERB: "really just very too quite pretty totally super kinda sorta maybe perhaps now then always "
    "still already again also even only almost more less most rather somewhat here there today "
    "yesterday tomorrow soon later ever together completely absolutely extremely",
    ADJECTIVE: "good great bad big huge small new old young late early happy sad tired sick hungry angry mad "
    "sorry sure ready afraid scared excited nervous worried confused surprised shocked bored busy fine nice "
    "cool hot cold warm hard easy fast slow quick long short tall high low deep wide thin thick heavy light "
    "strong weak rich poor cheap dear free full empty open closed clean dirty dry wet safe dark bright "
    "loud quiet crazy weird strange funny silly stupid smart clever kind rude mean brave calm proud lazy "
    "lucky alone alive dead asleep awake drunk broke broken done gone lost stuck close far real true honest "
    "false wrong different difficult simple important interested interesting amazing awesome awful terrible "
    "horrible perfect beautiful pretty ugly popular famous random serious obvious normal insane intense",
    SAYING: "thinking saying hoping guessing feeling telling seeing deciding suggesting hearing knowing",
    THAT: "that",
    BELIEF: "think thought",
    OPINION: "guess suppose assume believe",
    SPEECH: "say said says saying",
    COPULA: "got get gets getting became become",
    NO: "no",
    DO_NOT: "don't didn't doesn't",
}  # fmt: skip
_CONTRACTIONS = {"m": BE, "re": BE, "s": BE, "ve": AUXILIARY, "ll": MODAL, "d": WOULD}
_ADVERBIALS = frozenset({
    ("at", "all"), ("at", "least"), ("at", "most"), ("for", "real"), ("for", "sure"), ("for", "ever"),
    ("all", "over"), ("all", "around"), ("right", "now"), ("right", "away"), ("all", "day"), ("all", "night"),
})  # fmt: skip
_ABLE = frozenset({"can", "could", "can't", "couldn't"})
_NO_VERBS_IN_ING = frozenset(
    "something anything nothing everything morning evening building meeting during king thing things".split()
)
_MOTION = frozenset("go goes going went gone come comes came back over moved drove walked down up".split())
_MIN_LETTERS = 4  # that a word has more of when its ending is a suffix
_ADJECTIVE_SUFFIXES = ("ful", "ous", "able", "ible", "less", "ish")


def _by_word() -> dict[str, int]:
    classes: dict[str, int] = {}
    for bit, words in _LISTS.items():
        for word in words.split():
            classes[word] = classes.get(word, 0) | bit
    return classes


_BY_WORD = _by_word()


def classes_before(word: str, earlier: str) -> int:
    """Returns the classes of a word, as what follows it sees them: of `we're`, the verb.

    `earlier` is the word before in the sentence: `we` before `were`, `can` before `you`.
    """
    subject, apostrophe, ending = word.partition("'")
    if apostrophe and ending in _CONTRACTIONS:
        classes, earlier = _CONTRACTIONS[ending], subject
    else:
        classes = _classes(word)
    if word == "to" and earlier in _MOTION:
        return PREPOSITION
    return classes | _with_earlier(classes, earlier)


def _with_earlier(classes: int, earlier: str) -> int:
    """Returns what a word of these classes is behind the word before."""
    before = _BY_WORD.get(earlier, 0)
    if classes & BE:
        return PERSON_BE * bool(before & PERSON) | EXISTENTIAL * (earlier == "there")
    if classes & PERSON:
        return INVERTED * (earlier in _ABLE)
    return LEADING * bool(classes & (DEMONSTRATIVE | THAT) and (not earlier or before & CONJUNCTION))


def classes_after(word: str, later: str = "") -> int:
    """Returns the classes of a word, as what stands before it sees them: of `we're`, the subject.

    `later` is the word after it in the sentence, which may be its object.
    """
    if (word, later) in _ADVERBIALS:
        return ADVERBIAL
    subject, apostrophe, ending = word.partition("'")
    classes = _classes(subject if apostrophe and ending in _CONTRACTIONS else word)
    if classes & (PERSON | THING):
        auxiliary = _CONTRACTIONS.get(ending, 0) | _BY_WORD.get(later, 0)
        return classes | SUBJECT * bool(auxiliary & (BE | MODAL | WOULD))
    if classes & OPEN and _BY_WORD.get(later, 0) & (DETERMINER | OBJECT):
        return classes | ACTION | PAST * word.endswith("ed")
    return classes


def _classes(word: str) -> int:
    if word.endswith("ing") and len(word) > _MIN_LETTERS and word not in _NO_VERBS_IN_ING:
        return ING | _BY_WORD.get(word, 0)
    if word in _BY_WORD:
        return _BY_WORD[word]
    if word.isdigit():
        return NUMBER
    if word.endswith("ly") and len(word) > _MIN_LETTERS:
        return ADVERB
    return ADJECTIVE if word.endswith(_ADJECTIVE_SUFFIXES) and len(word) > _MIN_LETTERS + 1 else OPEN
