"""The named schemas of the OpenAPI document, and examples of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import MISSING, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from cara.web.field_problems import field_code_schema, field_problem_schema
from cara.web.handlers import inputs_of
from cara.web.openapi_examples import Examples, NoExample
from cara.web.openapi_parameters import Parameter, parameters_of
from cara.web.openapi_responses import answers_of, is_model, problem_codes, problem_schema
from cara.web.routing import Route
from cara.web.sse import EventTypes

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

_PREFIX = "#/components/schemas/"


class _DocumentSchema(GenerateJsonSchema):
    """Schemas without the two keywords that clients made from them act upon in bodies.

    `default`: some send it in place of what was left out, so that changing a title clears the transcript;
    others require the member. `writeOnly`: the member is missing from the type that has the model's name.
    """

    def generate_inner(self, schema: Any) -> Schema:
        found = super().generate_inner(schema)
        for keyword in ("default", "writeOnly"):
            found.pop(keyword, None)
        return found

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Returns False also for the members of responses that may be left out: their default is MISSING."""
        return field["schema"].get("default") is not MISSING and super().field_is_required(field, total)


class Schemas:
    """The schemas of all that the routes take and give. `missing` says which of them have no example."""

    def __init__(self, routes: Sequence[Route]) -> None:
        types = {(key, mode): adapter for key, mode, adapter in _keyed_types(routes)}
        self._schemas, found = TypeAdapter.json_schemas(
            [(*key, adapter) for key, adapter in types.items()],
            ref_template=f"{_PREFIX}{{model}}",
            schema_generator=_DocumentSchema,
        )
        self.missing: list[str] = []
        self.definitions: dict[str, Schema] = {
            **found.get("$defs", {}),
            "ProblemCode": problem_codes(routes),
            "Problem": problem_schema(routes),
            "FieldCode": field_code_schema(),
            "FieldProblem": field_problem_schema(),
        }
        self._examples = Examples(self.definitions)
        self._complete_examples()
        for events in _event_types(routes):
            self.definitions[events.name] = self._any_data(events)

    def of(self, key: Any, mode: Mode) -> Schema:
        """Returns the schema of a model, or of the type of a parameter."""
        return dict(self._schemas[(key, mode)])

    def content(self, schema: Schema) -> Schema:
        """Returns what OpenAPI calls a media type: the schema with an example of each alternative."""
        choices = schema
        while reference := choices.get("$ref"):
            choices = self.definitions[_name(reference)]
        alternatives = choices.get("anyOf", [schema])
        return self._with_examples(schema, {_name(one.get("$ref", "")): one for one in alternatives})

    def events(self, events: EventTypes) -> Schema:
        """Returns the media type of a stream, with an example of the data of each event, by its name."""
        media = self._with_examples({"$ref": _PREFIX + events.name}, self._data_by_name(events))
        for name, example in media.get("examples", {}).items():
            example["value"] |= events.examples.get(name, {})
        return media

    def _with_examples(self, schema: Schema, shown: Mapping[str, Schema]) -> Schema:
        try:
            examples = {name: {"value": self._examples.of(one)} for name, one in shown.items()}
        except NoExample as error:
            self.missing.append(str(error))
            return {"schema": schema}
        return {"schema": schema, "examples": examples}

    def _data_by_name(self, events: EventTypes) -> dict[str, Schema]:
        problem = {"$ref": f"{_PREFIX}Problem"}
        return {
            name: self.of(data, "serialization") if is_model(data) else problem
            for name, data in events.data.items()
        }

    def _any_data(self, events: EventTypes) -> Schema:
        """Returns the schema of the data of any event of a stream.

        OpenAPI 3.1 has no schema for a stream as a whole: clients that read streams take that of its response
        for the schema of each data.
        """
        data = self._data_by_name(events)
        listed = ", ".join(f"`{name}` {_name(schema['$ref'])}" for name, schema in data.items())
        return {
            "title": events.name,
            "description": f"The data of one server-sent event, by the name of the event: {listed}.",
            "anyOf": list({schema["$ref"]: schema for schema in data.values()}.values()),
        }

    def _complete_examples(self) -> None:
        """Puts what models leave out of their examples into them, so that each is valid."""
        for name, schema in self.definitions.items():
            if "examples" in schema:
                try:
                    schema["examples"] = [self._examples.of(schema, name)]
                except NoExample as error:
                    self.missing.append(str(error))


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _event_types(routes: Sequence[Route]) -> Iterator[EventTypes]:
    for route in routes:
        yield from (given for given in answers_of(route) if isinstance(given, EventTypes))


def _keyed_types(routes: Sequence[Route]) -> Iterator[tuple[Any, Mode, TypeAdapter[Any]]]:
    """Yields all that needs a schema, with the key that `Schemas.of` finds it by."""
    for route in routes:
        inputs = inputs_of(route)
        if inputs.body:
            yield inputs.body, "validation", TypeAdapter(inputs.body)
        for parameter in parameters_of(inputs):
            yield parameter_key(route, parameter), "validation", parameter.adapter
        further = [model for error in route.errors for model in error.further_models]
        for model in (*filter(is_model, answers_of(route)), *further):
            yield model, "serialization", TypeAdapter(model)
    for events in _event_types(routes):
        for model in filter(is_model, events.data.values()):
            yield model, "serialization", TypeAdapter(model)


def parameter_key(route: Route, parameter: Parameter) -> str:
    """Returns the key of the schema of a parameter."""
    return f"{route.method} {route.path} {parameter.place} {parameter.name}"
