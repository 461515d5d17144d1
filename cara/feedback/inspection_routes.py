"""HTTP of a look at a transcript before feedback on it is asked for."""

from cara.errors import NotFound
from cara.feedback import inspection
from cara.feedback.inspection import TranscriptUnreadable
from cara.feedback.schemas import Inspection, InspectionRequest
from cara.postgres.database import Database
from cara.users import queries as users
from cara.web.guard import Caller
from cara.web.json_body import read_text
from cara.web.routing import Route


async def inspect_transcript(caller: Caller, database: Database, body: InspectionRequest) -> Inspection:
    """See who speaks in a transcript.

    Tells the format, the speakers with what each says, and which of them is taken for the learner: so that a
    front end can ask “which one are you?” before it asks for feedback. Costs no tokens, and stores nothing.
    """
    async with database.acquire() as connection:
        learner = await users.learner_by_id(connection, caller.user_id)
    if learner is None:
        raise NotFound
    return await read_text(
        lambda: inspection.inspect(body.transcript, body.transcript_format, learner["name"]),
        len(body.transcript),
        str(caller.user_id),
    )


ROUTES = [
    Route(
        "POST",
        "/api/transcripts/inspect",
        inspect_transcript,
        tag="Feedback",
        errors=(TranscriptUnreadable,),
    ),
]
