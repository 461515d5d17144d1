"""Forged access tokens, made from a genuine one."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt

from cara.settings import Settings

ANOTHER_KEY = "another-key-that-is-also-long-enough-for-hs256"

NOBODY = "0190b0a0-0000-7000-8000-000000000000"


def forged_tokens(genuine: str, settings: Settings) -> dict[str, str]:
    """Authorization fields that must open nothing, by what is wrong with them."""
    key = settings.signing_keys[0].secret
    kid = jwt.get_unverified_header(genuine)["kid"]
    claims: dict[str, Any] = jwt.decode(genuine, options={"verify_signature": False})
    head, payload, signature = genuine.split(".")
    hour_ago = int(time.time()) - 3600

    def signed(secret: str = key, algorithm: str = "HS256", **changes: Any) -> str:
        changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(changed, secret, algorithm, headers={"kid": kid})

    without = {f"without {name}": signed(**{name: None}) for name in claims}
    tokens = {
        **without,
        "expired": signed(iat=hour_ago - 900, exp=hour_ago),
        "wrong audience": signed(aud="cara-events"),
        "wrong issuer": signed(iss="somebody"),
        "subject that is no id": signed(sub="admin"),
        "sign-in that is no id": signed(fam="admin"),
        "sign-in that never was": signed(fam=NOBODY),
        "sign-in of somebody else": signed(sub=NOBODY),
        "not yet issued": signed(iat=int(time.time()) + 3600),
        "another key": signed(ANOTHER_KEY),
        "another algorithm": signed(algorithm="HS512"),
        "no algorithm": f"{_part({'alg': 'none', 'typ': 'JWT', 'kid': kid})}.{payload}.",
        "no algorithm, signed": f"{_part({'alg': 'none', 'typ': 'JWT', 'kid': kid})}.{payload}.{signature}",
        "unknown kid": jwt.encode(claims, key, "HS256", headers={"kid": "000000000000"}),
        "no kid": jwt.encode(claims, key, "HS256"),
        "kid of another kind": jwt.encode(claims, key, "HS256", headers={"kid": "../../dev/null"}),
        "no signature": f"{head}.{payload}.",
        "changed payload": f"{head}.{_part({**claims, 'sub': NOBODY})}.{signature}",
        "cut": genuine[:-4],
        "no token": "forged",
        "far too long": "a" * 5000,
        "no ASCII": "ÿ.þ.é",
    }
    fields = {name: f"Bearer {token}" for name, token in tokens.items()}
    return fields | {"nothing": "", "empty": "Bearer ", "another scheme": f"Basic {genuine}", "bare": genuine}


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
