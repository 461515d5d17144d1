"""Closed classes of English words, by which repairs are told from rhetoric: every member can be listed."""

from __future__ import annotations

DETERMINERS = frozenset("a an the my your our their its".split())
_SUBJECTS = frozenset(
    "i we he she they i'm i've i'd i'll we're we've we'd we'll he's he'll she's she'll they're they've "
    "they'll it's that's there's".split()
)
PREPOSITIONS = frozenset("of to for from at with by into onto as than".split())
CONJUNCTIONS = frozenset("and or but because if when while although that which who whose".split())
AUXILIARIES = frozenset(
    "am is are was were be been being have has had do does did will would can could shall should may might "
    "must cannot can't couldn't don't doesn't didn't won't wouldn't isn't aren't wasn't weren't haven't "
    "hasn't".split()
)

UNFINISHED = DETERMINERS | _SUBJECTS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | {"just", "very"}
"""Words that promise another: who stops after one has broken off."""

FUNCTION_WORDS = (UNFINISHED - {"very"}) | frozenset(
    "you it me him us them his this these those in on up out off over about there then what where how why "
    "you're you've you'll let's not maybe perhaps some also want need going gonna think".split()
)
"""Words that nobody repeats for effect, and the verbs in which speakers most often get stuck."""

GRAMMATICAL_DOUBLES = frozenset("had that her do dem den der die das sie dat det nous vous".split())
"""Words that stand side by side by grammar: `had had`, `that that`, `gave her her book`, `nous nous`."""

NUMBERS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty "
    "seventy eighty ninety hundred thousand million double".split()
)
"""Words of numbers that are read out digit by digit: `dial five five five`."""

EMPHATIC = frozenset(
    # degree and size
    "dear very really so too much many more most less far long way ever never always quite pretty super big "
    "bigger huge small little tiny great good bad nice hard fast slow high low old new young hot cold deep "
    "wide rich poor strong dark sad happy funny better worse best lovely wonderful special real true sure "
    "same different only all again forever "
    # answers and interjections
    "no yes yeah yep nope okay ok right fine well now there here oh ah ha haha hee ho hey hi hello bye "
    "please sorry thanks congratulations wow amen hear hush shh ouch help stop wait go come look listen run "
    "quick easy careful enough hurry "
    # sounds
    "knock tick tock ding dong bang boom beep buzz woof meow quack blah bla la na da dum yada tut tsk hip "
    "clap chop choo click splash ring tap pow pew yum "
    # names
    "duran bora walla pago wagga baden boutros yo tuk cha piri mahi "
    # other languages
    "muy mucho sí si ja nein doch sehr viel très oui non molto tanto sempre muito sim çok evet hayır "
    "да нет очень".split()
)
"""Words that are doubled for emphasis, as an answer, as a sound or in a name."""

EMPHATIC_PHRASES = frozenset(
    {
        "thank you", "come on", "oh yes", "oh my", "oh my god", "let's go", "good night", "all right",
        "of course", "excuse me", "i know", "no way", "go on", "hold on", "don't worry",
    }
)  # fmt: skip
"""Phrases that are said twice as one says a word twice: `thank you, thank you`."""

PARTICLES = frozenset("in on up out off over about down round through".split())
"""Function words that have a meaning of their own: `on and on and on`."""

CONNECTIVES = frozenset("and or by after to of on upon in within for with".split())
"""Words between one that is said again on purpose: `more and more and more`, `day by day by day`."""
