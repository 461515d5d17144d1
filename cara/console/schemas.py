"""What the console is told when it opens."""

from cara.practice.schemas import FeatureType
from cara.web.models import ResponseModel


class ShippedTalk(ResponseModel):
    """A talk that ships with Cara, as the form of the console takes it."""

    name: str
    title: str
    feature_type: FeatureType
    duration_seconds: int
    transcript: str


class ConsoleSamples(ResponseModel):
    """The kinds of practice there are, and talks to try them with."""

    feature_types: list[FeatureType]
    samples: list[ShippedTalk]
