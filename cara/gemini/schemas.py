"""How much of a schema a model accepts: all of it, a plainer one, or none."""

from __future__ import annotations

import json
from typing import Any, Literal

from cara.gemini.calls import GeminiCall
from cara.gemini.errors import GeminiError, GeminiRefused

SchemaStep = Literal["full", "plainer", "none"]

_SHAPE_IN_WORDS = "Answer with one JSON object. Its shape, as JSON Schema:"


class AcceptedSchemas:
    """What the model has accepted for each schema, as long as the process lives.

    Models were seen to refuse schemas that they had accepted a week before.
    """

    def __init__(self) -> None:
        self._accepted: dict[str, SchemaStep] = {}

    def accepted(self, schema: dict[str, Any]) -> SchemaStep | None:
        """Returns the step that was accepted last; None before the first answer."""
        return self._accepted.get(_key(schema))

    def accept(self, call: GeminiCall, step: SchemaStep) -> None:
        """Notes that an answer to the call has begun."""
        if call.response_schema is not None:
            self._accepted[_key(call.response_schema)] = step

    def attempts(self, call: GeminiCall) -> SchemaAttempts:
        """Returns the steps of a call, from the one that was accepted last."""
        if call.response_schema is None:
            return SchemaAttempts(self, call, ["full"])
        steps: list[SchemaStep] = ["full", "plainer", "none"]
        steps = steps[steps.index(self.accepted(call.response_schema) or "full") :]
        return SchemaAttempts(
            self, call, [step for step in steps if step != "plainer" or call.plainer_schema]
        )


class SchemaAttempts:
    """The schemas that one call is tried with."""

    def __init__(self, accepted: AcceptedSchemas, call: GeminiCall, steps: list[SchemaStep]) -> None:
        self._accepted = accepted
        self._call = call
        self._steps = steps
        self._first_refusal: GeminiError | None = None

    @property
    def step(self) -> SchemaStep:
        """The present step."""
        return self._steps[0]

    def accept(self) -> None:
        """Notes that an answer at this step has begun."""
        self._accepted.accept(self._call, self.step)

    def request_body(self) -> dict[str, Any]:
        """Returns the request at this step, as the REST API of Gemini takes it."""
        call = self._call
        config: dict[str, Any] = {"maxOutputTokens": call.max_output_tokens}
        if call.response_schema is not None:
            config["responseMimeType"] = "application/json"
        if call.response_schema is not None and self.step != "none":
            plainer = self.step == "plainer"
            config["responseJsonSchema"] = call.plainer_schema if plainer else call.response_schema
        if call.thinking_level:
            config["thinkingConfig"] = {"thinkingLevel": call.thinking_level.upper()}
        body: dict[str, Any] = {"contents": call.contents, "generationConfig": config}
        if instruction := self._instruction():
            body["systemInstruction"] = {"parts": [{"text": instruction}]}
        return body

    def _instruction(self) -> str:
        """Returns the instruction; a schema that the model does not accept is told there in words."""
        call = self._call
        if self.step != "none":
            return call.system_instruction
        shape = json.dumps(call.response_schema, separators=(",", ":"))
        return f"{call.system_instruction}\n\n{_SHAPE_IN_WORDS}\n{shape}".lstrip()

    def go_on_after(self, error: GeminiError) -> bool:
        """Takes the next step if the model may have refused the schema; returns whether there is one."""
        if not (isinstance(error, GeminiRefused) and error.is_invalid_argument):
            return False
        self._first_refusal = self._first_refusal or error
        if len(self._steps) < 2:
            return False
        self._steps = self._steps[1:]
        return True

    def refusal(self, error: GeminiError) -> GeminiError:
        """Returns the error to raise: of several refusals the first."""
        is_refusal = isinstance(error, GeminiRefused) and error.is_invalid_argument
        return self._first_refusal if is_refusal and self._first_refusal else error


def _key(schema: dict[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)
