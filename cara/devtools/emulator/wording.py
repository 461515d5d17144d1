"""Words and phrases by which the emulator tells how something is said. English alone."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
MARKERS = "like|you know|i mean|basically|actually|literally|sort of|kind of|right|so|well"
# Only what is a filler beyond doubt: hesitations, and markers that are set off on both sides.
FILLER = re.compile(
    r"(?i)\b(?!(?-i:ERM?|MM)\b)(?:u+h*m+|u+h+|e+rm+|er|a+h+|h+m+)\b"
    rf"|(?:^|(?<=[,.…—][ ]))(?:{MARKERS})(?=[,.…?—])"
)
LEAD_IN = re.compile(
    r"(?i)^(?:basically|actually|yeah|okay|ok"
    r"|so(?! (?:far|that|much|many|long)\b)|well(?! (?:done|said|known|over|before)\b))\b"
)
# Those of which a word alone says too little are hedges only in these surroundings.
NARROWED = {
    "just": r"just(?=\s(?:a|an|my|some|want|wanted|think|say|try|need|feel|check|ask|hope)\b)",
    "i think": r"i think(?!\s(?:of|about)\b)",
    "i feel like": r"i feel like(?!\san?\b)",
    "might": r"(?<!my )(?<!his )(?<!her )(?<!all )(?<!the )might",
    "kind of": r"(?<![,.…] )(?<!a )(?<!the )(?<!this )(?<!that )(?<!what )kind of",
    "sort of": r"(?<![,.…] )(?<!a )(?<!the )(?<!this )(?<!that )(?<!what )sort of",
}
USUAL_HEDGES = ("i think", "i guess", "maybe", "perhaps", "possibly", "probably", "might", "i'm not sure")
AGAIN = re.compile(r"(?i)\b([^\W\d_]+(?:['’][^\W\d_]+)?(?: [^\W\d_]+){0,2}),? \1\b(?!['’-])")
MEANT_TWICE = frozenset(
    "very really so much many more far long never no yes yeah okay ha bye that had is".split()
)
LINK = re.compile(
    r"(?i)\b(?:(?:first|second|third|then|next)(?=[,:] | (?:i|we|the)\b)"
    r"|because|therefore|finally|so that|for example)\b"
)
COURTESY = re.compile(r"(?i)\b(thank you|thanks|please|appreciate|sorry|glad|together)\b")
FIGURE = re.compile(r"(?i)\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|half|percent|twice|double)\b")
COMMITMENT = re.compile(
    r"(?i)\b(?:i will|i'll|we will|i recommend|we decided|i decided|i led|the result was)\b"
)
COMMON = frozenset(
    """
    about actually after again almost already also although always another anybody anyone anything
    around away back basically because become been before being believe below better between both bring
    came cannot come comes coming could does doing done down during each either else enough even ever
    every everybody everyone everything feel feels felt finally find first from gave gets getting give
    given gives goes going gone good great guess have having hello help here hers herself himself into
    itself just keep kept kind knew know known knows last later least less like likely literally little
    long look looked looking looks made make makes making many maybe mean means might more most much
    must myself need needs neither never next nobody nothing okay once only onto other others otherwise
    ours over perhaps please possibly probably quite rather really right said same says second seem
    seems shall should show since some somebody someone something sometimes somewhat somewhere soon sort
    still such sure take taken takes talk talking tell than thank thanks that their theirs them
    themselves then there therefore these they thing things think third this those though thought
    through today together told tomorrow took toward towards turn under until upon used using very want
    wanted wants well went were what whatever when where whether which while whole whom whose will with
    within without would yeah year years yesterday your yours yourself
    """.split()
)
"""Words that no talk is about."""
