"""Function words of other languages, by which a repetition is told from emphasis: `ich, ich`, `que, que`."""

from __future__ import annotations

from cara.speech.closed_classes import FUNCTION_WORDS

_OTHERS = {
    "es": (
        "yo tú él ella nosotros ellos me te se le lo les nos mi su tu mis sus el la los las un una unos "
        "unas de del a al en con por para sin sobre desde hasta entre y e o u que pero porque cuando como "
        "donde es está son era fue hay he ha han hemos soy estoy este esta ese esa esto eso"
    ),
    "fr": (
        "je j' tu il elle on ils elles me te se le la les un une des du de à au aux en dans avec pour par "
        "sans sur sous chez vers entre et ou mais que qu' qui quand comme parce mon ma mes ton ta tes son "
        "sa ses notre votre leur ce cette ces c'est c' est sont était a ont ai j'ai ne n' y"
    ),
    "de": (
        "ich du er wir ihr mich mir dir uns ihm ihn ihnen ein eine einen einem einer mein meine meinen "
        "dein sein seine unser unsere in im an am auf aus bei beim mit nach von vom vor zu zum zur für "
        "über unter durch gegen ohne um bis und oder aber dass weil wenn als ob wie ist sind war hat habe "
        "haben bin wird kann muss man dieser diese dieses"
    ),
    "it": (
        "io tu lui lei noi voi loro mi ti ci vi lo gli il la i le un uno una di del della dei a al alla da "
        "dal in nel nella con su sul per tra fra e ed o ma che se quando come perché è sono era ha ho "
        "hanno abbiamo mio mia suo sua questo questa quello quella non"
    ),
    "pt": (
        "eu tu ele ela nós eles elas me te se lhe o a os as um uma de do da dos das em no na nos nas a ao "
        "à com por para pelo pela sem sobre até entre e ou mas que porque quando como se é está são era "
        "foi tem tenho meu minha seu sua este esta esse essa isso"
    ),
    "nl": (
        "ik jij je hij zij ze wij we het een de mijn jouw zijn ons onze hun in op aan met van voor naar "
        "bij uit over door tot om te en of maar dat omdat als dan is was ben heb heeft hebben kan moet wil "
        "deze dit er"
    ),
    "sv": (
        "jag du han hon vi ni de det den en ett mig dig oss min mitt din vår sin i på av till från med för "
        "om vid under över och eller men att som när är var har hade kan ska vill"
    ),
    "da": (
        "jeg du han hun vi i de det den en et mig dig os min mit din sin på af til fra med for om ved "
        "under over og eller men at som når er var har havde kan skal vil"
    ),
    "pl": (
        "ja ty on ona my wy oni mnie mi ci go mu jej ich i a w we na z ze do o od po za przez dla przy i "
        "oraz lub albo ale że bo kiedy gdy jak jest są był była mam ma"
    ),
    "cs": (
        "já ty on ona my vy oni mě mi mu ho jí a i v ve na s se z ze do o od po za pro při u k nebo ale že "
        "protože když jak je jsou byl byla jsem mám má"
    ),
    "ca": (
        "jo tu ell ella nosaltres ells em et es el la els les un una uns de del a al en amb per sense i o "
        "que però perquè quan com si és són era ha he meu seva"
    ),
    "ro": (
        "eu tu el ea noi voi ei mă te se îmi un o de la în cu pe din pentru prin și sau dar că să când cum "
        "este e sunt era am ai a au"
    ),
    "fi": "minä mä sinä sä hän me te he se ja tai mutta että kun jos on oli olen ovat",
    "und-Cyrl": (
        "я ты он она мы вы они мне меня мой моя в во на с со к ко по о об от до из за для у без и а но или "
        "что чтобы как когда если это ми ви вони і й та але що з"
    ),
}  # fmt: skip
_FUNCTION_WORDS = {language: FUNCTION_WORDS.union(words.split()) for language, words in _OTHERS.items()}


def function_words(language: str) -> frozenset[str]:
    """Returns the words of the language that nobody repeats for effect, with those of English."""
    return _FUNCTION_WORDS.get(language, FUNCTION_WORDS)
