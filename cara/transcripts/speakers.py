"""Who of the speakers is the learner."""

from __future__ import annotations

import re
import unicodedata

from cara.transcripts.utterances import Transcript, speaker_key


def _labels(table: str) -> frozenset[str]:
    return frozenset(key for label in re.split(r"[|\n]", table) if (key := speaker_key(label)))


# The tables are in the order English, Spanish, French, German, Italian,
# Portuguese, Dutch, Polish, Turkish, Japanese, Chinese, Korean and Hindi.

# What people call themselves. Left out is what is a common name elsewhere (Turkish `ben` and `sen`: Ben and
# Sen) and what means a third person too (German `sie`, Italian `lei`).
SELF_LABELS = _labels(
    """
    i | me | myself | you | you said
    yo | yo mismo | yo misma | tú | usted
    je | moi | moi-même | tu | toi | vous
    ich | mich | ich selbst | du
    io | me stesso | me stessa
    eu | mim | eu mesmo | eu mesma | você | voce
    ik | mij | mezelf | ikzelf | jij | jou
    ja | ty
    siz | kendim
    私 | わたし | わたくし | 僕 | ぼく | 俺 | 自分 | あなた
    我 | 本人 | 自己 | 你 | 您
    나 | 저 | 본인 | 당신
    मैं | मुझे | आप | तुम
    """
)

# The parts that learners have in a dialogue: who is interviewed, examined or taught, and the user of a
# machine. A presenter, participant or panelist is not among them: the learner may as well be another.
ROLE_LABELS = _labels(
    """
    user | learner | candidate | job candidate | interviewee | applicant | job applicant | job seeker
    respondent | examinee | test taker | student | pupil | trainee | coachee | mentee
    usuario | usuaria | candidato | candidata | candidato/a | entrevistado | entrevistada | entrevistado/a
    aspirante | postulante | solicitante | alumno | alumna | alumno/a | estudiante | aprendiz | examinado
    utilisateur | utilisatrice | candidat | candidate | candidat/e | candidat·e | interviewé | interviewée
    apprenant | apprenante | apprenant·e | étudiant | étudiante | étudiant·e | élève | postulant
    postulante
    benutzer | benutzerin | nutzer | nutzerin | nutzer/in | anwender | kandidat | kandidatin | kandidat/in
    kandidat*in | bewerber | bewerberin | bewerber/in | bewerber*in | bewerber:in | interviewter | befragter
    befragte | befragte/r | prüfling | lernender | lernende | lernende/r | schüler | schülerin | student
    studentin | studierende | studierender
    utente | intervistato | intervistata | intervistato/a | studente | studentessa | allievo | allieva
    usuário | usuária | utilizador | utilizadora | aluno | aluna | aluno/a | estudante | avaliado
    gebruiker | kandidaat | sollicitant | geïnterviewde | leerling | cursist
    użytkownik | użytkowniczka | kandydat | kandydatka | kandydat/ka | aplikant | uczeń | uczennica
    studentka
    egzaminowany | zdający
    kullanıcı | aday | iş adayı | öğrenci | öğrenen | başvuran | görüşülen
    ユーザー | ユーザ | 利用者 | 学習者 | 候補者 | 応募者 | 受験者 | 志願者 | 就活生 | 生徒 | 学生 | 回答者
    用户 | 用戶 | 使用者 | 学习者 | 學習者 | 候选人 | 候選人 | 应聘者 | 應聘者 | 求职者 | 求職者 | 面试者
    面試者
    受访者 | 受訪者 | 考生 | 学生 | 學生 | 学员 | 學員
    사용자 | 학습자 | 지원자 | 응시자 | 후보자 | 구직자 | 응답자 | 학생 | 수강생
    उपयोगकर्ता | यूज़र | उम्मीदवार | अभ्यर्थी | आवेदक | प्रार्थी | परीक्षार्थी | शिक्षार्थी | छात्र
    छात्रा | विद्यार्थी
    """
)

LEARNER_LABELS = SELF_LABELS | ROLE_LABELS
"""The labels that are known to be the learner's, as `speaker_key` writes them."""

MACHINES_AND_COACHES = _labels(
    """
    ai | artificial intelligence | assistant | ai assistant | ai coach | ai interviewer
    virtual assistant
    bot | chatbot | robot | model | language model | llm | system | cara | gemini | chatgpt | chatgpt said
    gpt
    copilot | coach | voice coach | speech coach
    ia | asistente | asistente virtual | modelo | sistema | entrenador | entrenadora
    assistante | assistant·e | modèle | système | entraîneur | entraîneuse
    ki | assistent | assistentin | ki-assistent | ki-coach | modell | trainer | trainerin
    assistente | assistente virtuale | modello | allenatore | allenatrice
    treinador | treinadora | robô
    systeem
    asystent | asystentka | sztuczna inteligencja | trener | trenerka
    yz | yapay zeka | asistan | sistem | koç
    人工知能 | アシスタント | ボット | チャットボット | ロボット | モデル | システム | コーチ
    人工智能 | 智能助手 | 助手 | 助理 | 机器人 | 機器人 | 模型 | 系统 | 系統 | 教练 | 教練
    인공지능 | 어시스턴트 | 봇 | 챗봇 | 로봇 | 모델 | 시스템 | 코치
    एआई | कृत्रिम बुद्धिमत्ता | सहायक | बॉट | चैटबॉट | मॉडल | सिस्टम | कोच | प्रशिक्षक
    """
)
"""The labels of machines and coaches, as `speaker_key` writes them: the learner talks with them."""

INTERVIEWERS = _labels(
    """
    interviewer | interviewer/coach | int | inv | investigator
    entrevistador | entrevistadora | entrevistador/a
    intervieweur | intervieweuse | intervieweur·euse | enquêteur | enquêteuse
    interviewerin | interviewer/in | interviewer*in | interviewer:in
    intervistatore | intervistatrice
    interviewster
    ankieter | ankieterka
    mülakatçı | görüşmeci | röportajcı
    面接官 | インタビュアー | 聞き手
    面试官 | 面試官 | 采访者 | 採訪者 | 采访人 | 採訪人 | 访谈者 | 訪談者
    면접관 | 인터뷰어 | 질문자
    साक्षात्कारकर्ता | इंटरव्यूअर
    """
)
"""The labels of who asks in an interview. That may be what the learner practises: they are asked."""

NEVER_THE_LEARNER = MACHINES_AND_COACHES | INTERVIEWERS
"""The labels that are not taken for the learner's even where nobody else speaks."""

OTHER_LABELS = NEVER_THE_LEARNER | _labels(
    """
    manager | hiring manager | recruiter | headhunter | hr | human resources | hr manager | employer | boss
    supervisor | host | moderator | facilitator | examiner | teacher | tutor | instructor | professor
    narrator
    mentor | customer | client | colleague | audience | experimenter | interpreter
    gerente | jefe | jefa | reclutador | reclutadora | recursos humanos | rrhh | moderador | moderadora
    examinador | examinadora | profesor | profesora | tutora | cliente | colega | narrador | narradora
    público
    recruteur | recruteuse | rh | responsable | manageur | patron | patronne | animateur | animatrice
    modérateur | modératrice | examinateur | examinatrice | professeur | professeure | enseignant
    enseignante
    tuteur | tutrice | client·e | cliente | collègue | narrateur | narratrice | public
    personaler | personalerin | personalvermittler | recruiterin | chef | chefin | vorgesetzter
    vorgesetzte
    gastgeber | gastgeberin | moderatorin | prüfer | prüferin | lehrer | lehrerin | lehrkraft | dozent
    dozentin | kunde | kundin | kollege | kollegin | erzähler | erzählerin | sprecher aus dem off | publikum
    reclutatore | reclutatrice | selezionatore | selezionatrice | capo | conduttore | conduttrice
    moderatore
    moderatrice | esaminatore | esaminatrice | insegnante | professore | professoressa | narratore
    pubblico
    recrutador | recrutadora | chefe | apresentador | apresentadora | professora | plateia
    leidinggevende | baas | gastheer | gastvrouw | examinator | docent | docente | leraar
    lerares
    klant | collega | verteller | publiek
    rekruter | rekruterka | kierownik | kierowniczka | szef | szefowa | prowadzący | prowadząca
    moderatorka
    egzaminator | egzaminatorka | nauczyciel | nauczycielka | klientka | klient | kolega | koleżanka
    lektor
    yönetici | müdür | patron | işe alım uzmanı | insan kaynakları | sunucu | moderatör | sınav görevlisi
    öğretmen | hoca | eğitmen | müşteri | meslektaş | anlatıcı | seyirci
    マネージャー | 上司 | 採用担当 | 採用担当者 | 人事 | 人事担当 | 司会 | 司会者 | モデレーター | 試験官
    先生 | 教師 | 講師 | 顧客 | お客様 | 客 | 同僚 | ナレーター | ナレーション | 観客
    经理 | 經理 | 老板 | 老闆 | 上司 | 招聘人员 | 招聘官 | 猎头 | 人力资源 | 人事 | 主持人 | 考官 | 老师
    老師 | 教师 | 教師 | 导师 | 導師 | 客户 | 客戶 | 顾客 | 顧客 | 同事 | 旁白 | 观众 | 觀眾
    매니저 | 관리자 | 상사 | 사장 | 채용 담당자 | 채용담당자 | 인사 담당자 | 인사담당자 | 사회자 | 진행자
    시험관 | 선생님 | 교사 | 강사 | 고객 | 손님 | 동료 | 내레이터 | 청중
    प्रबंधक | मैनेजर | बॉस | भर्तीकर्ता | नियोक्ता | मेज़बान | मेजबान | संचालक | परीक्षक | शिक्षक
    अध्यापक | ग्राहक | सहकर्मी | श्रोता
    """
)
"""The labels of others: those of `NEVER_THE_LEARNER`, and of people whom a learner talks with.

They are the learner's only when the learner says so.
"""

_MAX_NOBODYS_SHARE = 0.2
"""Where more than this has no label, the only label may not be that of the only speaker."""

_NUMBER = re.compile(r" ?#?\d{1,4}$")
_BETWEEN_WORDS = re.compile(r"[\s,.;:|/()'’_-]+")
_TITLES = frozenset("mr mrs ms miss mx dr prof sir herr frau monsieur madame señor señora".split())


class LearnerUnknown(Exception):
    """Nothing says which of the speakers is the learner."""


def learner_labels(
    transcript: Transcript, learner_label: str | None = None, learner_name: str | None = None
) -> frozenset[str | None]:
    """Returns the labels of the learner, as `speaker_key` writes them; none if only others speak.

    The learner is `learner_label`, else the label that is known to be the learner's (You, Me, Candidate, …),
    else the one that is `learner_name`, the learner's own name, else the only speaker beside machines and
    coaches. Only as `learner_label` can be: known others (`OTHER_LABELS`), one of several guessed speakers,
    and an `I` beside other labels, which is the interviewer in research. What has no label beside labels is
    nobody's; where that is much, the only label may not be that of the only speaker.

    Raises:
        LearnerUnknown: none of it is in the transcript.
    """
    keys = [speaker_key(label) for label in transcript.speakers]
    labels = [key for key in keys if key is not None]
    if not keys:
        return frozenset()
    if learner_label and learner_label.strip():
        return frozenset({_spelled(labels, learner_label)})
    if not labels:
        return frozenset(keys)
    if len(labels) > 1 and transcript.speakers_guessed:
        raise LearnerUnknown
    possible = [label for label in labels if _without_number(label) not in OTHER_LABELS]
    if found := _known(labels) or _named(possible, learner_name or ""):
        return found
    if _nobodys_share(transcript) > _MAX_NOBODYS_SHARE:
        raise LearnerUnknown
    return _only(labels, possible)


def _spelled(labels: list[str], wanted: str) -> str:
    key, words = speaker_key(wanted), _words(wanted)
    if key in labels:
        return key
    same = [label for label in labels if _words(label) == words]
    if len(same) == 1:
        return same[0]
    raise LearnerUnknown


def _known(labels: list[str]) -> frozenset[str]:
    """Returns the labels that are known to be the learner's.

    What people call themselves comes first: with `Me` and `Candidate`, the learner is the one who interviews.
    Of several parts with numbers (`Student 1`, `Student 2`), none is known to be the learner.
    """
    itself = SELF_LABELS.intersection(labels)
    if len(labels) > 1:
        itself -= {"i"}
    if itself:
        return itself
    if parts := ROLE_LABELS.intersection(labels):
        return parts
    numbered = [label for label in labels if _without_number(label) in ROLE_LABELS]
    return frozenset(numbered if len(numbered) == 1 else ())


def _named(labels: list[str], name: str) -> frozenset[str]:
    """Returns the one label that is the name, or a part of it that nobody else has; initials are no part."""
    own = _words(name)
    words = {label: _words(label) for label in labels if any(word in _unaccented(label) for word in own)}
    same = [label for label in words if words[label] == own]
    if len(same) == 1:
        return frozenset(same)
    part = [
        label
        for label, its in words.items()
        if (its <= own or its >= own) and any(len(word) > 1 or not word.isascii() for word in its & own)
    ]
    if len(part) == 1 and sum(words[part[0]] & own <= its for its in words.values()) == 1:
        return frozenset(part)
    return frozenset()


def _only(labels: list[str], possible: list[str]) -> frozenset[str]:
    """Returns the only label beside machines and coaches; none if only those speak who never are learners.

    Of an interviewer and another, either may be the learner.
    """
    people = [label for label in labels if _without_number(label) not in MACHINES_AND_COACHES]
    if len(people) == 1 and people == possible and (people != ["i"] or len(labels) == 1):
        return frozenset(people)
    if all(_without_number(label) in NEVER_THE_LEARNER for label in labels):
        return frozenset()
    raise LearnerUnknown


def _nobodys_share(transcript: Transcript) -> float:
    """Returns the share of the text that has no label, in a transcript with labels: from 0 to 1."""
    nobodys = sum(len(one.text.text) for one in transcript.utterances if one.speaker is None)
    return nobodys / max(1, sum(len(one.text.text) for one in transcript.utterances))


def _without_number(label: str) -> str:
    return _NUMBER.sub("", label) if label[-1:].isdigit() else label


def _words(name: str) -> frozenset[str]:
    """Returns the words of a name, without accents, in any order: `Lee, Ann` is `Ann Lee`."""
    return frozenset(_BETWEEN_WORDS.split(_unaccented(speaker_key(name) or ""))) - _TITLES - {""}


def _unaccented(key: str) -> str:
    if key.isascii():
        return key
    return "".join(sign for sign in unicodedata.normalize("NFD", key) if not unicodedata.combining(sign))
