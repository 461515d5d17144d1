"""Words by which a language is told from others: its most frequent ones, and what is written in no other."""

from __future__ import annotations

STOP_WORDS = {
    "en": (
        "the and to of a in is that it for you was on are with as have this be at not we they but i my "
        "what so like well know mean just kind sort right actually basically literally he she his her our "
        "your their from or by an will would can could do did don't it's i'm there here who when how all "
        "if about up out then than them these those because had has were been very more some no yes thank "
        "thanks hello me us"
    ),
    "es": (
        "que de la el en los las del por con para una un no se sé está es pero más como muy yo mi lo su al "
        "y esto me te le nos les él ella ellos nosotros soy eres somos son estoy están estaba era fue ser "
        "estar hay tengo tiene tenemos quiero puedo puede cuando donde dónde qué cómo porque aunque "
        "también ya sí si bien aquí ahí hoy gracias hola buenos buenas días este esta ese esa eso todo "
        "todos nada mucho mucha sin sobre desde hasta entre señor señora usted ustedes llamo trabajo años"
    ),
    "fr": (
        "le la les de des du et est que qui un une dans pour pas je nous vous il elle ce sur avec mais "
        "très au c'est j'ai ne se sa son ses mon ma mes ton ta tes notre votre leur on ils elles suis es "
        "sommes êtes sont été était être avoir ai as avons avez ont fait faire peut peux dois cette ces "
        "cet comme plus moins bien aussi alors donc parce où quand comment pourquoi quoi merci bonjour oui "
        "non aux par sans chez y d'un d'une qu'il qu'on n'est s'est l'on m'appelle toujours beaucoup "
        "aujourd'hui"
    ),
    "de": (
        "der die das und ist nicht ein eine ich wir sie es zu den mit von für auf dem auch aber dass war "
        "wie im sich du er ihr mich mir dich dir uns euch mein meine meinen dein sein seine einen einem "
        "einer eines kein keine bin bist sind seid habe hast hat haben hatte werde wird werden wurde kann "
        "können möchte muss müssen will wollen weil wenn als oder denn doch noch nur schon sehr viel mehr "
        "hier dort da heute jetzt danke hallo guten ja nein bitte bei nach aus vor über unter durch zum "
        "zur am an in so was wer wo warum"
    ),
    "it": (
        "il che di e un una per non sono con è si del della in ma anche come più mi questo io lo gli nel "
        "la le i al alla dei delle da dal su se ci ti vi noi voi lui lei loro mio mia tuo suo sua nostro "
        "sei siamo siete era ero stato essere ho hai ha abbiamo hanno avere fare fatto posso può voglio "
        "devo molto tutto tutti niente quando dove perché allora però qui grazie ciao buongiorno sì no "
        "questa quello quella chiamo"
    ),
    "pt": (
        "que de o a os as do da em um uma para com não é se por mais mas como eu nós no na isso muito foi "
        "dos das ao à pelo pela meu minha seu sua você vocês ele ela eles elas me te lhe sou somos são "
        "estou está estamos estão era ser estar tenho tem temos ter quero posso pode fazer quando onde "
        "porque também já sim bem aqui hoje obrigado obrigada olá bom dia este esta esse essa tudo todos "
        "nada sem sobre até entre"
    ),
    "nl": (
        "de het een en van is dat niet ik wij we zijn op te met voor aan maar ook er om was naar die in je "
        "jij hij zij ze mijn jouw ons onze hun hem haar ben bent heb hebt heeft hebben had word wordt "
        "worden kan kunnen moet moeten wil willen zal zullen omdat als of dan nog wel heel veel meer hier "
        "daar nu vandaag dank hallo goed ja nee bij uit over door deze dit wat wie waar waarom hoe geen "
        "iets alles goedemorgen"
    ),
    "sv": (
        "och att det som en ett är på jag vi inte för med av har den till men om så var man du han hon ni "
        "mig dig oss er min mitt mina din vår sin hade vara varit blir kan kunde ska skulle vill måste när "
        "där här nu idag eller också mycket mer bara från efter över under vid hej tack ja nej detta dessa "
        "alla vad vem varför hur ingen något allt"
    ),
    "pl": (
        "i w na nie to że się z do jest jak ale o po tak co za jestem był przez ja ty on ona my wy oni mi "
        "mnie ci go mu jej ich mój moja moje nasz twój jesteś jesteśmy są była było być mam masz ma mamy "
        "mają mogę może chcę muszę kiedy gdzie dlaczego ponieważ bo lub albo czy też już bardzo dużo tu "
        "tutaj dziś dzień dobry dziękuję cześć dla od ten ta te tego tym jeszcze tylko więc wszystko nic"
    ),
    "tr": (
        "ve bir bu da de için ile çok ben biz ama ne gibi daha var değil olarak o kadar sen siz onlar beni "
        "bana bizim benim senin onun şu ki mi mı mu mü en her hiç şey olan oldu olduğu ise veya ya yok "
        "evet hayır nasıl neden nerede zaman şimdi bugün burada teşekkürler merhaba sonra önce istiyorum "
        "çünkü sadece"
    ),
}

ENGLISH_TOO = frozenset(
    (
        "no me do so die war man men an am om con per van ten son ton sin era hay on pour sans plus pas "
        "sur mais des as ai es est ce ma mes se ta le la les un du de en et il y in was hat bin bist will "
        "dem den da das er ja i come non mi ho ha hai ci vi io lo sei a o e al su si te del os dos em is "
        "of had hem over door dan dit wat hoe ze min din var vid hon han ni under to go my co po za ty mu "
        "ne ki her ya sen bu ve tes ses bent till sind hallo ciao we word mam bo lub dig ska von der ben "
        "lui leur fait dove pode mit ti tu uns tem ter ser sou im od nu dia bem bom sem alla lei noi "
        "dal dei gli kan wel hier nee nie sie"
    ).split()
)
"""Stop words of other languages that are words, names or abbreviations in English texts."""

LETTERS = {
    "ß": "de", "ä": "de sv", "ö": "de sv tr", "ü": "de tr", "ñ": "es", "ã": "pt", "õ": "pt", "ç": "fr pt tr",
    "œ": "fr", "ê": "fr pt", "è": "fr it", "ù": "fr it", "ò": "it", "ì": "it", "å": "sv", "ł": "pl",
    "ą": "pl", "ę": "pl", "ś": "pl", "ż": "pl", "ź": "pl", "ć": "pl", "ń": "pl es", "ğ": "tr", "ş": "tr",
    "ı": "tr", "í": "es pt", "á": "es pt", "ó": "es pt pl", "ú": "es pt",
}  # fmt: skip
"""Letters that English does not have, with the languages that have them."""
