"""What Cara may charge for answers that were interrupted."""

from __future__ import annotations

from cara.devtools.emulator.emulator import Ledger


def fits_ledger(charged: int, ledger: Ledger) -> bool:
    """Whether all prompts are charged in full, and texts at most twice as high as the emulator counts them.

    Gemini tells what an answer has cost with its last chunk. Of one that breaks off before, the prompt was
    told and the text can only be estimated.
    """
    return ledger.prompt_tokens <= charged <= ledger.total_tokens + ledger.output_tokens
