"""The calls of the README by the package that openapi-python-client makes."""

import datetime
import json
import sys
import uuid
from http import HTTPStatus
from typing import TypeVar

from attrs import evolve
from cara_client import AuthenticatedClient, Client
from cara_client.api.accounts import login, logout, refresh, register, verify
from cara_client.api.analytics import export_adoption, post_events, read_adoption, read_statistics
from cara_client.api.feedback import generate_feedback, read_job
from cara_client.api.gemini import process, read_quota
from cara_client.api.profile import change_profile, delete_profile, export_profile
from cara_client.api.sessions import (
    change_session,
    delete_session,
    list_sessions,
    open_session,
    read_session,
)
from cara_client.models import (
    Adoption,
    CoachAnswer,
    Credentials,
    Event,
    EventsAccepted,
    FeatureType,
    Feedback,
    FeedbackJob,
    FeedbackRequest,
    JobAccepted,
    NewAccount,
    NewEvent,
    NewEvents,
    NewSession,
    PasswordConfirmation,
    PracticeSession,
    PresentedRefreshToken,
    Problem,
    ProcessRequest,
    Profile,
    ProfileChanges,
    QuotaStanding,
    Refreshed,
    SessionChanges,
    SessionPage,
    SignedIn,
    SignOut,
    Statistics,
    Verified,
)
from cara_client.types import Unset

Kind = TypeVar("Kind")

URL, ADMINISTRATOR = sys.argv[1:]
PASSWORD = "secure123"
TRANSCRIPT = "Um, thank you. I recommend that we hire two people now."
BERLIN = datetime.timezone(datetime.timedelta(hours=1))


def expect(kind: type[Kind], answer: object) -> Kind:
    """Returns the answer, which is of this kind."""
    assert isinstance(answer, kind), answer
    return answer


def expect_problem(answer: object, status: int, code: str) -> Problem:
    """Returns the answer, which is a problem with this status and code."""
    problem = expect(Problem, answer)
    assert (problem.status, problem.code) == (status, code), problem
    return problem


def sign_in(email: str) -> SignedIn:
    return expect(SignedIn, login.sync(client=anybody, body=Credentials(email=email, password=PASSWORD)))


def signed_in_as(tokens: SignedIn | Refreshed) -> AuthenticatedClient:
    return AuthenticatedClient(URL, token=tokens.access_token, raise_on_unexpected_status=True)


# Accounts
anybody = Client(URL, raise_on_unexpected_status=True)
account = NewAccount(
    email=f"client-{uuid.uuid4()}@example.com", name="John Doe", role="Software Engineer", password=PASSWORD
)
weak = register.sync(client=anybody, body=evolve(account, password="password"))
problem = expect_problem(weak, 400, "invalid_input")
assert not isinstance(problem.errors, Unset)
assert problem.errors[0].field == "password"
assert Problem.from_dict({**problem.to_dict(), "code": "of_a_later_version"}).code == "of_a_later_version"

user = expect(SignedIn, register.sync(client=anybody, body=account)).user
wrong = login.sync(client=anybody, body=Credentials(email=account.email, password="wrong"))
expect_problem(wrong, 401, "invalid_credentials")
tokens = sign_in(account.email)
cara = signed_in_as(tokens)
assert expect(Verified, verify.sync(client=cara)).user == user
profile = expect(Profile, change_profile.sync(client=cara, body=ProfileChanges(timezone="Europe/Berlin")))
assert (profile.timezone, profile.name, profile.role) == ("Europe/Berlin", account.name, account.role)

# The coach
asked = ProcessRequest(prompt="Can you help me practice a salary negotiation?")
coached = expect(CoachAnswer, process.sync(client=cara, body=asked))
assert coached.response
assert coached.remaining_quota > 0

# Sessions
new = NewSession(feature_type=FeatureType.CONVERSATION, title="Salary Negotiation Practice")
opened = expect(PracticeSession, open_session.sync(client=cara, body=new))
assert opened.user_id == user.id
practiced = SessionChanges.from_dict(
    {
        "description": "Before the talk with my manager",
        "transcript": TRANSCRIPT,
        "score": 71.5,
        "completed": True,
        "feedbackJson": {"note": "of the learner's own", "weights": [0.25, None], "passed": True},
    }
)
before = expect(PracticeSession, change_session.sync(opened.id, client=cara, body=practiced))
assert before.to_dict() == before.to_dict() | practiced.to_dict()
renamed = change_session.sync(opened.id, client=cara, body=SessionChanges(title="Renamed"))
after = expect(PracticeSession, renamed)
assert after == evolve(before, title="Renamed", updated_at=after.updated_at)
assert read_session.sync(opened.id, client=cara) == after

late = SessionChanges(title="Refused")
outdated = change_session.sync(opened.id, client=cara, body=late, if_match='"1"')
expect_problem(outdated, 412, "precondition_failed")
untitled = change_session.sync(opened.id, client=cara, body=SessionChanges(title=None))
cleared = expect(PracticeSession, untitled)
assert (cleared.title, cleared.transcript) == (None, TRANSCRIPT)
expect_problem(read_session.sync(user.id, client=cara), 404, "not_found")
page = expect(SessionPage, list_sessions.sync(client=cara, completed=True))
assert (page.total, page.limit, page.sessions[0].score) == (1, 20, 71.5)

# Feedback
request = FeedbackRequest(session_id=opened.id, transcript=TRANSCRIPT, duration_seconds=6)
accepted = expect(JobAccepted, generate_feedback.sync(client=cara, body=request))
with anybody.get_httpx_client().stream("GET", accepted.events_url) as events:
    data = [line.removeprefix("data: ") for line in events.iter_lines() if line.startswith("data: ")]
answered = read_job.sync_detailed(accepted.job_id, client=cara)
job = expect(FeedbackJob, answered.parsed)
assert FeedbackJob.from_dict(json.loads(data[-1])) == job
assert expect(Feedback, job.feedback).overview.score > 0
unchanged = read_job.sync_detailed(job.job_id, client=cara, if_none_match=answered.headers["ETag"])
assert (unchanged.status_code, unchanged.parsed) == (HTTPStatus.NOT_MODIFIED, None)

# Analytics, quota
event = NewEvent.from_dict(
    {"eventType": "opened", "eventId": str(uuid.uuid4()), "metadata": {"pages": [1, None]}}
)
assert expect(Event, post_events.sync(client=cara, body=event)).event_id == event.event_id
happened = datetime.datetime(2026, 11, 27, 20, 15, tzinfo=BERLIN)
batch = NewEvents([NewEvent(event_type="read"), NewEvent(event_type="closed", occurred_at=happened)])
counted = expect(EventsAccepted, post_events.sync(client=cara, body=batch))
assert (counted.accepted, counted.duplicates) == (2, 0)
since = datetime.date(2026, 1, 1)
assert expect(Statistics, read_statistics.sync(client=cara, from_=since)).timezone == "Europe/Berlin"
assert expect(Adoption, read_adoption.sync(client=cara)).features
assert expect(QuotaStanding, read_quota.sync(client=cara)).tokens_used >= coached.tokens_used
expect_problem(export_adoption.sync(client=cara), 403, "forbidden")

# What comes back without JSON, and the end
exported = export_profile.sync(client=cara)
assert exported is not None
assert not isinstance(exported, Problem), exported
assert exported.profile
assert delete_session.sync_detailed(opened.id, client=cara).status_code == HTTPStatus.NO_CONTENT
fresh = refresh.sync(client=cara, body=PresentedRefreshToken(refresh_token=tokens.refresh_token))
cara = signed_in_as(expect(Refreshed, fresh))
deleted = delete_profile.sync_detailed(client=cara, body=PasswordConfirmation(password=PASSWORD))
assert deleted.status_code == HTTPStatus.NO_CONTENT
expect_problem(verify.sync(client=cara), 401, "token_invalid")

admin = sign_in(ADMINISTRATOR)
cara = signed_in_as(admin)
assert expect(str, export_adoption.sync(client=cara)).startswith("day,")
ended = logout.sync(client=cara, body=PresentedRefreshToken(refresh_token=admin.refresh_token))
assert expect(SignOut, ended).signed_out
