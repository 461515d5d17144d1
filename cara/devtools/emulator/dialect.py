"""The JSON bodies of Gemini's REST interface: answers, chunks of streams, and errors."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from cara.devtools.emulator.faults import Fault, PlannedFault

TYPE = "type.googleapis.com/google.rpc."
SERVICE = "generativelanguage.googleapis.com"
HARASSMENT = "HARM_CATEGORY_HARASSMENT"
OTHER_HARMS = (
    "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)  # fmt: skip
BLOCKED_RATINGS = [
    *({"category": category, "probability": "NEGLIGIBLE"} for category in OTHER_HARMS),
    {"category": HARASSMENT, "probability": "HIGH", "blocked": True},
]
CITATIONS = {"citationSources": [{"startIndex": 0, "endIndex": 40, "uri": "https://example.org/"}]}
QUOTA_LINK = "https://ai.google.dev/gemini-api/docs/rate-limits"
STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
            500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip


def shown_model(model: str) -> str:
    """Returns the name of the model in answers, which says that an emulator wrote them."""
    return f"cara-emulator/{model}"


def answer_body(
    model: str,
    usage: dict[str, Any] | None,
    *,
    text: str = "",
    finish_reason: str | None = None,
    block_reason: str | None = None,
    response_id: str = "",
) -> dict[str, Any]:
    """Returns one answer, or one chunk of a streamed one; `block_reason` refuses the prompt itself.

    Without usage it has none. A chunk without text has content without parts.
    """
    body: dict[str, Any] = {} if usage is None else {"usageMetadata": usage}
    body |= {"modelVersion": shown_model(model), "responseId": response_id}
    if block_reason:
        return {"promptFeedback": {"blockReason": block_reason, "safetyRatings": BLOCKED_RATINGS}} | body
    content: dict[str, Any] = {"parts": [{"text": text}]} if text else {}
    candidate: dict[str, Any] = {"content": content | {"role": "model"}, "index": 0}
    if finish_reason:
        candidate["finishReason"] = finish_reason
    if finish_reason == "SAFETY":
        candidate["safetyRatings"] = BLOCKED_RATINGS
    if finish_reason == "RECITATION":
        candidate["citationMetadata"] = CITATIONS
    return {"candidates": [candidate]} | body


def usage_body(model: str, usage: dict[str, Any], response_id: str) -> dict[str, Any]:
    """Returns a chunk that tells usage alone."""
    return {"usageMetadata": usage, "modelVersion": shown_model(model), "responseId": response_id}


def error_body(code: int, message: str, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Returns an error as Google's interfaces shape it."""
    error: dict[str, Any] = {"code": code, "message": message, "status": STATUSES.get(code, "UNKNOWN")}
    return {"error": error | ({"details": details} if details else {})}


def error_response(code: int, message: str, details: list[dict[str, Any]] | None = None) -> web.Response:
    return web.json_response(error_body(code, message, details), status=code)


def missing_key() -> web.Response:
    return error_response(403, "Method doesn't allow unregistered callers. Please use API Key.")


def bad_key() -> web.Response:
    """Gemini answers 400, not 401, to an unknown key."""
    message = "API key not valid. Please pass a valid API key."
    reason = {
        "@type": f"{TYPE}ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": SERVICE},
    }
    localized = {"@type": f"{TYPE}LocalizedMessage", "locale": "en-US", "message": message}
    return error_response(400, message, [reason, localized])


def unknown_model(model: str, version: str, method: str) -> web.Response:
    message = f"models/{model} is not found for API version {version}, or is not supported for {method}."
    return error_response(404, message)


def rate_limited(retry_delay_seconds: float | None, model: str) -> web.Response:
    violation = {
        "quotaMetric": f"{SERVICE}/generate_requests_per_model",
        "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": "60",
    }
    details: list[dict[str, Any]] = [
        {"@type": f"{TYPE}QuotaFailure", "violations": [violation]},
        {"@type": f"{TYPE}Help", "links": [{"description": "About quotas of Gemini", "url": QUOTA_LINK}]},
    ]
    if retry_delay_seconds is not None:
        details.append({"@type": f"{TYPE}RetryInfo", "retryDelay": f"{retry_delay_seconds:g}s"})
    return error_response(429, "You exceeded your current quota.", details)


def fault_response(planned: PlannedFault, model: str) -> web.Response | None:
    """Returns the answer to a fault that refuses the whole request; None for a fault that happens later."""
    match planned.failure:
        case Fault.RATE_LIMITED:
            return rate_limited(planned.retry_delay_seconds, model)
        case Fault.INTERNAL:
            return error_response(500, "An internal error has occurred.")
        case Fault.UNAVAILABLE:
            return error_response(503, "The model is overloaded. Please try again later.")
        case Fault.BAD_GATEWAY:
            return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type="text/html")
        case Fault.BAD_KEY:
            return bad_key()
        case Fault.BAD_REQUEST | Fault.SCHEMA_REFUSED | Fault.ANY_SCHEMA_REFUSED:
            return error_response(400, "Request contains an invalid argument.")
    return None
