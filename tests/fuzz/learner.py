"""The learner whose requests the fuzzer sends: signed in, with one record of each kind."""

from __future__ import annotations

from itertools import cycle
from typing import Any
from uuid import uuid4

import psycopg
import requests

from tests.waiting import TIMEOUT_SECONDS

PASSWORD = "correct horse battery"


class FuzzLearner:
    """A signed-in learner and the ids of its records. Every second account is an administrator."""

    def __init__(self, url: str, database_url: str) -> None:
        self._url = url
        self._database_url = database_url
        self._is_administrator = cycle((True, False))
        self.renew()

    def renew(self) -> None:
        """Registers a new account, because a request may have deleted the old one or revoked its tokens."""
        account = {"email": f"{uuid4().hex}@example.com", "name": "A Learner", "password": PASSWORD}
        signed_in = self._call("POST", "/api/auth/register", json=account)
        self.token: str = signed_in["accessToken"]
        if next(self._is_administrator):
            self._promote(account["email"])
        session = self._call("POST", "/api/sessions", json={"featureType": "conversation"})["id"]
        asked = {
            "sessionId": session,
            "transcript": "Um, I think we should start with the budget of the clinic.",
        }
        job = self._call("POST", "/api/gemini/generate-feedback", json=asked)
        self._call("DELETE", job["statusUrl"])
        self.ids = {"/api/sessions/": session, "/api/gemini/jobs/": job["jobId"]}
        self.members = {
            "email": account["email"],
            "password": PASSWORD,
            "currentPassword": PASSWORD,
            "refreshToken": signed_in["refreshToken"],
            "sessionId": session,
        }

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def id_for(self, path: str) -> str:
        """An id that exists, for a path with one."""
        return next(value for prefix, value in self.ids.items() if path.startswith(prefix))

    def _promote(self, email: str) -> None:
        with psycopg.connect(self._database_url) as connection:
            connection.execute("update users set is_admin = true where email = %s", (email,))

    def _call(self, method: str, path: str, **options: Any) -> Any:
        headers = self.headers if hasattr(self, "token") and path != "/api/auth/register" else {}
        response = requests.request(
            method, self._url + path, headers=headers, timeout=TIMEOUT_SECONDS, **options
        )
        response.raise_for_status()
        return response.json() if response.content else None
