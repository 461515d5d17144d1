"""Counts a prompt exactly, where its estimate alone would exhaust the quota."""

from __future__ import annotations

import asyncio
import logging
import math

from cara.gemini.calls import GeminiCall
from cara.gemini.client import GeminiClient
from cara.gemini.errors import GeminiError
from cara.gemini.tokens import estimate_prompt, with_margin
from cara.quota.errors import QuotaExceeded, TooLongForQuota

COUNT_TIMEOUT_SECONDS = 3.0
OVERESTIMATED_SHARE = 0.4
"""An estimate is hardly ever too high by more than this share of it."""

logger = logging.getLogger(__name__)


async def count_if_close(
    gemini: GeminiClient, call: GeminiCall, refusal: QuotaExceeded | TooLongForQuota
) -> int:
    """Returns the tokens of the call's prompt by Gemini's own count, if they may fit by it.

    `countTokens` is free, but another round trip: it is asked only when what is missing is a small part of
    the estimate.

    Raises:
        QuotaExceeded, TooLongForQuota: the refusal stands, because too much is missing or Gemini cannot be
            asked.
    """
    cautious = with_margin(estimate_prompt(call))
    if refusal.missing > OVERESTIMATED_SHARE * cautious:
        raise refusal
    try:
        async with asyncio.timeout(COUNT_TIMEOUT_SECONDS):
            counted = await gemini.count_tokens(call)
    except (GeminiError, TimeoutError) as error:
        logger.info("a prompt could not be counted: %s", type(error).__name__)
        raise refusal from None
    if counted >= cautious:
        raise refusal
    # A gateway that counts far too little must not switch the quota off.
    return max(counted, math.ceil((1 - OVERESTIMATED_SHARE) * cautious))
