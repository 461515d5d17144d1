"""The same cells as the full-stack FastAPI template builds an API: SQLModel, a sync session, a token, a user.

Over Cara's tables and with Cara's tokens, in one process of uvicorn; statistics and events are not in it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer
from pydantic.alias_generators import to_camel
from sqlalchemy import JSON, Column, DateTime, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, Session, SQLModel, col, create_engine, func, select

SECRET = os.environ["JWT_SECRET"]
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1))
bearer = OAuth2PasswordBearer(tokenUrl="/api/auth/login")
Moment = DateTime(timezone=True)


class User(SQLModel, table=True):
    __tablename__ = "users"

    id: UUID = Field(primary_key=True)
    email: str
    name: str
    role: str | None = None
    timezone: str
    level: int
    xp: int
    streak: int
    longest_streak: int
    created_at: datetime = Field(sa_type=Moment)


class Practice(SQLModel, table=True):
    __tablename__ = "sessions"

    user_id: UUID = Field(primary_key=True)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    feature_type: str
    title: str | None = None
    description: str | None = None
    goal: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    duration_seconds: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    score: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    completed: bool = False
    completed_at: datetime | None = Field(default=None, sa_type=Moment)
    clarity: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    pace: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    confidence: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    tone: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    words_per_minute: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    fillers_per_100_words: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    hedges_per_100_words: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    pauses_per_minute: float | None = Field(default=None, sa_type=Numeric(asdecimal=False))
    transcript: str | None = None
    feedback_json: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    practiced_at: datetime = Field(default_factory=lambda: datetime.now(UTC), sa_type=Moment)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC), sa_type=Moment)
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC), sa_type=Moment)


class Public(SQLModel):
    model_config = {"alias_generator": to_camel, "populate_by_name": True, "from_attributes": True}


class UserPublic(Public):
    id: UUID
    email: str
    name: str
    role: str | None
    level: int
    xp: int
    streak: int
    created_at: datetime


class Verified(Public):
    valid: bool = True
    user: UserPublic


class PracticeCreate(Public):
    feature_type: str
    title: str | None = Field(default=None, max_length=200)
    description: str | None = Field(default=None, max_length=2_000)


class PracticeBase(Public):
    id: UUID
    user_id: UUID
    feature_type: str
    title: str | None
    description: str | None
    goal: dict[str, Any] | None
    duration_seconds: float | None
    score: float | None
    completed: bool
    completed_at: datetime | None
    clarity: float | None
    pace: float | None
    confidence: float | None
    tone: float | None
    practiced_at: datetime
    created_at: datetime
    updated_at: datetime


class PracticeListed(PracticeBase):
    words_per_minute: float | None
    fillers_per_100_words: float | None
    hedges_per_100_words: float | None
    pauses_per_minute: float | None


class PracticePublic(PracticeBase):
    transcript: str | None
    feedback_json: dict[str, Any] | None
    live_job_id: UUID | None = None


class PracticesPublic(Public):
    sessions: list[PracticeListed]
    total: int
    limit: int
    offset: int
    next_cursor: str | None = None


def get_session() -> Generator[Session]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]


def get_current_user(session: SessionDep, token: Annotated[str, Depends(bearer)]) -> User:
    try:
        payload = jwt.decode(token, SECRET, algorithms=["HS256"], audience="cara-api")
    except jwt.InvalidTokenError:
        raise HTTPException(403, "Could not validate credentials") from None
    user = session.get(User, UUID(payload["sub"]))
    if not user:
        raise HTTPException(404, "User not found")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]

app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://localhost:3000"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)


@app.get("/api/auth/verify", response_model=Verified)
def verify(current_user: CurrentUser) -> Any:
    return Verified(user=UserPublic.model_validate(current_user))


@app.get("/api/sessions", response_model=PracticesPublic)
def list_sessions(session: SessionDep, current_user: CurrentUser, offset: int = 0, limit: int = 20) -> Any:
    of_user = Practice.user_id == current_user.id
    total = session.exec(select(func.count()).select_from(Practice).where(of_user)).one()
    newest = col(Practice.practiced_at).desc()
    found = session.exec(select(Practice).where(of_user).order_by(newest).offset(offset).limit(limit)).all()
    listed = [PracticeListed.model_validate(each) for each in found]
    return PracticesPublic(sessions=listed, total=total, limit=limit, offset=offset)


@app.get("/api/sessions/{id}", response_model=PracticePublic)
def read_session(session: SessionDep, current_user: CurrentUser, id: UUID) -> Any:
    found = session.get(Practice, (current_user.id, id))
    if not found:
        raise HTTPException(404, "Session not found")
    return PracticePublic.model_validate(found)


@app.post("/api/sessions", response_model=PracticePublic, status_code=201)
def create_session(session: SessionDep, current_user: CurrentUser, new: PracticeCreate) -> Any:
    made = Practice.model_validate(new.model_dump(), update={"user_id": current_user.id})
    session.add(made)
    session.commit()
    session.refresh(made)
    return PracticePublic.model_validate(made)
