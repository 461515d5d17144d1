"""Words by which a language is told from others: its most frequent ones, and what is written in no other."""

from __future__ import annotations

# Of languages that are equally likely the first one is taken.
STOP_WORDS = {
    "en": (
        "the and to of a in is that it for you was on are with as have this be at not we they but i my "
        "what so like well know mean just kind sort right actually basically literally he she his her our "
        "your their from or by an will would can could do did don't it's i'm there here who when how all "
        "if about up out then than them these those because had has were been very more some no yes thank "
        "thanks hello me us"
    ),
    "es": (
        "que de la el en los las del por con para una un no se sé está es pero más como muy yo mi lo su "
        "al y esto me te le nos les él ella ellos nosotros soy eres somos son estoy están estaba era fue "
        "ser estar hay tengo tiene tenemos quiero puedo puede cuando donde dónde qué cómo porque aunque "
        "también ya sí si bien aquí ahí hoy gracias hola buenos buenas días este esta ese esa eso todo "
        "todos nada mucho mucha sin sobre desde hasta entre señor señora usted ustedes llamo trabajo años "
        "creo voy vamos van hacer hago hacemos decir digo gustaría necesito ahora después antes entonces "
        "siempre nunca pues han hemos había tenía hace otro otra otros nuestra nuestro nuestros muchas "
        "muchos cada tan tanto algo alguien nadie unos unas mismo misma aquel aquella fueron eran hacia "
        "durante mientras además solo sólo todavía casi luego estás quién cuál vez gente cosa cosas ayer "
        "mañana dos tres cuatro cinco veces casa día semana mes meses año tiempo trabajar trabajamos "
        "hermana hermano mejor nuevo nueva nuevos nuevas grande poco quiere quieren queremos dijo empresa "
        "equipo reunión proyecto problema hablar saber tener poder vivir vivo amigo amiga nosotras pienso "
        "quería quisiera podría podemos deberíamos debemos hubo habrá dice dicen aún allí varios varias"
    ),
    "fr": (
        "le la les de des du et est que qui un une dans pour pas je nous vous il elle ce sur avec mais "
        "très au c'est j'ai ne se sa son ses mon ma mes ton ta tes notre votre leur on ils elles suis es "
        "sommes êtes sont été était être avoir ai as avons avez ont fait faire peut peux dois cette ces "
        "cet comme plus moins bien aussi alors donc parce où quand comment pourquoi quoi merci bonjour "
        "oui non aux par sans chez y d'un d'une qu'il qu'on n'est s'est l'on m'appelle toujours beaucoup "
        "aujourd'hui c'était j'étais j'avais j'aime ça cela tout tous toute toutes fais dit dire vais va "
        "allons allez voudrais veux puis après avant depuis maintenant encore déjà jamais rien quelque "
        "quelques chose choses même autre autres deux n'ai n'était qu'elle qu'ils s'il d'accord jusqu'à "
        "leurs voilà trop peu car ni sous entre vers suis-je est-ce ceux celle celui lequel soit étaient "
        "avait avais aurait serait ou si là faut demain hier matin soir chaque maison trois quatre cinq "
        "jour jours semaine mois année années ans parler savoir venir voir grand grande petit petite "
        "nouveau nouvelle nouvelles travail réunion équipe projet problème mieux assez quelqu'un personne "
        "gens pense crois sais doit doivent devrait devons pouvons voulons prends prendre donner l' d' c' "
        "j' n' s' m' qu' aujourd' bah lui plupart malgré"
    ),
    "de": (
        "der die das und ist nicht ein eine ich wir sie es zu den mit von für auf dem auch aber dass war "
        "wie im sich du er ihr mich mir dich dir uns euch mein meine meinen dein sein seine einen einem "
        "einer eines kein keine bin bist sind seid habe hast hat haben hatte werde wird werden wurde kann "
        "können möchte muss müssen will wollen weil wenn als oder denn doch noch nur schon sehr viel mehr "
        "hier dort da heute jetzt danke hallo guten ja nein bitte bei nach aus vor über unter durch zum "
        "zur am an in so was wer wo warum würde würden wollte konnte dann danach immer wieder etwas "
        "nichts alle alles andere anderen diese dieser dieses jeder gibt ganz beim vom nun zwischen gegen "
        "ohne seit während obwohl damit deshalb worden wäre hätte also mal gut machen mache geht gehen "
        "kommt sagen sagte meiner meinem unser unsere unseren ihre ihren ihrem ihnen welche eigentlich "
        "vielleicht jedoch sondern sogar zwei fuer ueber koennen moechte muessen waere wuerde man hin ab "
        "bis ob gestern morgen drei vier fünf haus zeit tag tage woche jahr jahre arbeit leute frau "
        "kinder neue neuen neuer neues großen große kleine denke glaube weiß sprechen reden sehen wissen "
        "finde lange besser zuerst dafür dabei davon darüber jemand niemand sollte sollten müsste könnte "
        "könnten dürfen gerne wirklich allen einfach recht"
    ),
    "it": (
        "il che di e un una per non sono con è si del della in ma anche come più mi questo io lo gli nel "
        "la le i al alla dei delle da dal su se ci ti vi noi voi lui lei loro mio mia tuo suo sua nostro "
        "sei siamo siete era ero stato essere ho hai ha abbiamo hanno avere fare fatto posso può voglio "
        "devo molto tutto tutti niente quando dove perché allora però qui grazie ciao buongiorno sì no "
        "questa quello quella chiamo stata stati state faccio dire dico vado andare andiamo vorrei bene "
        "sempre mai ora adesso prima dopo poi ancora già solo ogni altro altra altri stesso nostra nostri "
        "miei tuoi suoi questi queste quelli quelle cui degli negli nei nelle nella sulla sul dello alle "
        "agli uno cosa cose c'è l'ho molti troppo poco senza fra tra quindi infatti mentre cioè "
        "abbastanza anni lavoro così invece quale ciò ieri oggi domani tre quattro cinque casa giorno "
        "giorni settimana mese anno tempo gente parlare sapere vedere venire grande piccolo nuovo nuova "
        "nuovi nuove ufficio riunione progetto problema penso credo dovremmo dobbiamo possiamo potrei "
        "andato detto visto comprato po' meglio amici mattina sera proprio l' un' dell' nell' all' sull' "
        "dall' quest' d' c' m' s' tanto subito secondo aveva avevamo"
    ),
    "pt": (
        "que de o a os as do da em um uma para com não é se por mais mas como eu nós no na isso muito foi "
        "dos das ao à pelo pela meu minha seu sua você vocês ele ela eles elas me te lhe sou somos são "
        "estou está estamos estão era ser estar tenho tem temos ter quero posso pode fazer quando onde "
        "porque também já sim bem aqui hoje obrigado obrigada olá bom dia este esta esse essa tudo todos "
        "nada sem sobre até entre vou vai vamos faço dizer digo queria gostaria preciso ainda agora "
        "depois antes então sempre nunca pois muita muitos minhas meus nosso nossa nossos pessoas gente "
        "coisa num numa pelos pelas dele dela deles isto aquilo aquele esses havia tinha tive teve ficar "
        "mesmo cada outro outra outros mesma nem só lá cá assim quem qual aos às nas nos foram seria acho "
        "ontem amanhã três quatro cinco casa dias semana mês ano anos tempo falar saber ver vir grande "
        "pequeno novo nova novas novos trabalho reunião projeto problema penso acredito devia deveria "
        "devemos podemos poderia comprei vendo moro mora longe perto irmã irmão mãe pai escritório melhor "
        "todo toda cedo tarde demais seus suas senhor senhora boa bons apesar bem-vindos"
    ),
    "nl": (
        "de het een en van is dat niet ik wij we zijn op te met voor aan maar ook er om was naar die in "
        "je jij hij zij ze mijn jouw ons onze hun hem haar ben bent heb hebt heeft hebben had word wordt "
        "worden kan kunnen moet moeten wil willen zal zullen omdat als of dan nog wel heel veel meer hier "
        "daar nu vandaag dank hallo goed ja nee bij uit over door deze dit wat wie waar waarom hoe geen "
        "iets alles goedemorgen"
    ),
    "sv": (
        "och att det som en ett är på jag vi inte för med av har den till men om så var man du han hon ni "
        "mig dig oss er min mitt mina din vår sin hade vara varit blir kan kunde ska skulle vill måste "
        "när där här nu idag eller också mycket mer bara från efter över under vid hej tack ja nej detta "
        "dessa alla vad vem varför hur ingen något allt bra lite gick"
    ),
    "pl": (
        "i w na nie to że się z do jest jak ale o po tak co za jestem był przez ja ty on ona my wy oni mi "
        "mnie ci go mu jej ich mój moja moje nasz twój jesteś jesteśmy są była było być mam masz ma mamy "
        "mają mogę może chcę muszę kiedy gdzie dlaczego ponieważ bo lub albo czy też już bardzo dużo tu "
        "tutaj dziś dzień dobry dziękuję cześć dla od ten ta te tego tym jeszcze tylko więc wszystko nic"
    ),
    "tr": (
        "ve bir bu da de için ile çok ben biz ama ne gibi daha var değil olarak o kadar sen siz onlar "
        "beni bana bizim benim senin onun şu ki mi mı mu mü en her hiç şey olan oldu olduğu ise veya ya "
        "yok evet hayır nasıl neden nerede zaman şimdi bugün burada teşekkürler merhaba sonra önce "
        "istiyorum çünkü sadece fakat yarın dün hep biraz iyi güzel tamam bunu bunun buna bunlar şunu onu "
        "ona sana bize seni bizi niye kim hangi göre rağmen beri oldum olur olmak olacak olması ediyorum "
        "ettim etmek yapmak yaptım yapıyorum istedim istiyoruz gitmek gittim geldim diye dedim dedi vardı "
        "yoktu eğer belki bence aslında yani hani işte çalışıyorum çalışmak bazı bütün hem ancak lütfen "
        "kendi biri şöyle böyle öyle size sizin onların kadın üç iki"
    ),
    "ca": (
        "el la els les de del dels i en un una que és amb per no al als es va són està aquest aquesta "
        "aquests més però com o si ho hem ha han era molt també perquè quan on jo tu ell ella nosaltres "
        "meu meva seu seva l' d' s' n' ser fer tot tots sense fins altres pot bé gràcies bon dia això"
    ),
    "da": (
        "og det som en er på jeg vi ikke for med af har den til at om så var man du han hun mig dig os "
        "min mit dig din vores deres blev bliver kan kunne skal skulle vil må når der her nu men eller "
        "også meget mere bare fra efter over under ved hej tak ja nej dette disse alle hvad hvem hvorfor "
        "hvordan ingen noget alt de"
    ),
    "fi": (
        "on ja ei se että oli hän mutta kun niin myös ovat tai ole minä sinä me he tämä joka mitä nyt "
        "vain kaikki kuin jos olen olet olemme voi sitten vielä mun sun hyvä kiitos koska sekä ollut "
        "olisi jo täällä siellä tänään"
    ),
    "ro": (
        "și de la în cu nu pe este sunt un o am ai are au fost care din pentru mai ce că se să lui ei eu "
        "tu el ea noi voi acest această acesta dar sau când unde foarte bine mult toate fi lor meu mea "
        "mulțumesc bună ziua"
    ),
    "cs": (
        "a se na je že v s z do o to jsem jsme jsou byl byla bylo být pro jak ale za po od tak co by si "
        "mi mě ty on ona my oni můj moje jako nebo když kde už jen také velmi který která které není není "
        "mám máme má dnes děkuji dobrý den ještě protože aby při podle"
    ),
    "hi": (
        "है हैं था थे थी हूँ हूं में से को ने और यह वह ये वो मैं हम आप तुम नहीं क्या कि भी पर के लिए मेरा मेरी मेरे अपना अपने "
        "अपनी रहा रहे रही करना करने करता करते करती कर किया हो गया गई गए जो तो सब बहुत लेकिन क्योंकि मुझे हमें उसके इसके "
        "उनके कुछ बात जी हाँ हां धन्यवाद नमस्ते अब यहाँ वहाँ चाहता चाहती चाहते साथ बाद कोई एक का की मतलब होता होती अगर"
    ),
    "mr": (
        "आहे आहेत आणि मी आम्ही तुम्ही नाही होते होता होती हे ही हा ते तो ती माझा माझी माझे आपण पण म्हणून म्हणजे मला तुला "
        "काय का कसे खूप साठी मध्ये करतो करते केले झाले होईल एक या त्या आता आज येथे नमस्कार धन्यवाद की तर व हो"
    ),
    "ne": (
        "छ छन् छैन हो हुन् म हामी तपाईं र को का मा ले लाई गर्छ गर्छु गर्न थियो भयो छु मेरो हाम्रो धेरै पनि भने के किन यो त्यो "
        "अनि तर होइन एक आज अब नमस्कार नमस्ते धन्यवाद यहाँ गरेको भएको"
    ),
    "hi-Latn": (
        "hai hain hoon hun nahi nahin aur kya kyun kyunki lekin toh bhi yeh woh aap tum mujhe mera meri "
        "mere hum hamara humein apna apni apne bahut kuch sab raha rahe rahi tha thi gaya gayi karna "
        "karta karte karti kar kiya liye mein matlab haan accha achha theek phir abhi kaise kahan jab ek "
        "ko ka ki ke se par main uska iska chahta chahte chahiye wala wale hota hoti aapko humko humne "
        "maine usne tumne aaj kal kaam baat baare sakta sakte sakti jaise waise zyada thoda sirf agar jo "
        "kisi koi log"
    ),
}

ENGLISH_TOO = frozenset(
    (
        "no me do so die war man men an am om con per van ten son ton sin era hay on pour sans plus pas "
        "sur mais des as ai es est ce ma mes se ta le la les un du de en et il y in was hat bin bist will "
        "dem den da das er ja i come non mi ho ha hai ci vi io lo sei a o e al su si te del os dos em is "
        "of had hem over door dan dit wat hoe ze min din var vid hon han ni under to go my co po za ty mu "
        "ne ki her ya sen bu ve tes ses bent till sind hallo ciao we word mam bo lub dig ska von der ben "
        "leur fait dove pode mit ti tu uns tem ter ser sou im od nu dia bem bom sem alla lei noi dal dei "
        "gli kan wel nee nie sie also mal gut ab ob bis alle hin tan solo vez cosa tout va trop chose car "
        "puis entre prima male mai uno cui poco nun ora altro fra tra state fare comment met heel ate for "
        "once sao são ola nos ete tres anos dias senor senora dar fur uber pero antes durante casi luego "
        "vai num pois tinha hep kim size biri iki uc hum main par sab tab mere kar ko ka ke ek tum mein "
        "voila deja meme toute sous gibt pela cada gente soit vers ou vivo casa grande tag mann morgen "
        "frau sera tempo credo visto nova novo pai liga mora mundo jour petit petite matin ans gens trois "
        "personne nouveau nouvelle grand l' d' c' j' n' s' m' arbeit haus leute kinder lange ver vir soir "
        "ano cedo tarde problema kal jo log agar mois maison mejor amigo maine lite bra boa subito els "
        "dels amb kun voi tai ole he mun sun og at bare til vil ved mig hun lui ei ea lor mea el bine fi "
        "ale by jak tak aby alt skal jen nebo pot com than mult care are au foarte"
    ).split()
)
"""Stop words of other languages that are words, names or abbreviations in English texts."""

LETTERS = {
    "ß": "de", "à": "ca fr it pt", "á": "cs es pt", "â": "fr pt ro tr", "ã": "pt", "ä": "de fi sv",
    "å": "da fi sv", "æ": "da", "ç": "ca fr pt tr", "è": "ca fr it", "é": "ca cs da es fr it nl pt sv",
    "ê": "fr pt", "ë": "fr nl", "ì": "it", "í": "ca cs es pt", "î": "fr ro tr", "ï": "ca fr nl", "ñ": "es",
    "ò": "ca it", "ó": "ca cs es pl pt", "ô": "fr pt", "õ": "pt", "ö": "de fi sv tr", "ø": "da",
    "ù": "fr it", "ú": "ca cs es pt", "û": "fr tr", "ü": "ca de es pt tr", "ý": "cs", "ă": "ro", "ą": "pl",
    "ć": "pl", "č": "cs", "ď": "cs", "ę": "pl", "ě": "cs", "ğ": "tr", "ı": "tr", "ł": "pl", "ń": "pl",
    "ň": "cs", "œ": "fr", "ř": "cs", "ś": "pl", "ş": "ro tr", "š": "cs", "ţ": "ro", "ť": "cs", "ů": "cs",
    "ź": "pl", "ż": "pl", "ž": "cs", "ș": "ro", "ț": "ro",
}  # fmt: skip
"""Letters that English does not have, with the languages that have them."""

FEW_ARE_KNOWN_IN = frozenset({"mr", "ne", "hi-Latn"})
"""Languages of which only the words above are known, too few to tell what else is a function word."""
