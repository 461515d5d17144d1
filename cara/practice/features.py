"""The kinds of practice, in one place. The database checks the same list."""

from typing import Literal, get_args

FeatureType = Literal["conversation", "writing", "accent", "listening", "video"]

FEATURE_TYPES: tuple[FeatureType, ...] = get_args(FeatureType)
