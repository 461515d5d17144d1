"""HTTP of a look at a transcript before feedback on it is asked for."""

from cara.feedback import inspection
from cara.feedback.inspection import TranscriptUnreadable
from cara.feedback.schemas import Inspection, InspectionRequest
from cara.web.guard import Caller
from cara.web.json_body import read_text
from cara.web.routing import Route


async def inspect_transcript(caller: Caller, body: InspectionRequest) -> Inspection:
    """See who speaks in a transcript.

    Tells the format, the speakers with what each says, and which of them is taken for the learner: so that a
    front end can ask “which one are you?” before it asks for feedback. Costs no tokens, and stores nothing.
    """
    return await read_text(
        lambda: inspection.inspect(body.transcript, body.transcript_format, caller.learner["name"]),
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
