"""The Gemini emulator, counting tokens by Cara's own estimate: `python -m bench.billing_emulator --port N`.

The emulator counts a token for each four characters. Where Cara has to estimate what Gemini did not tell, the
charge would differ from what the emulator served by how the two count, which `bench.token_estimates`
measures against a real vocabulary. With one way of counting, what differs is what was lost or charged twice.
"""

from __future__ import annotations

from cara.devtools.emulator import __main__ as emulator
from cara.devtools.emulator import reply, tokens
from cara.gemini.tokens import estimate_tokens


def main() -> None:
    """Serves like `python -m cara.devtools.emulator`, with the same options."""
    tokens.count_tokens = reply.count_tokens = estimate_tokens
    emulator.main()


if __name__ == "__main__":
    main()
