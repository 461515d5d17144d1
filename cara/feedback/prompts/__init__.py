"""The instructions to the judge, in files that people can read; `VERSION` names this edition of them."""

VERSION = "feedback-3"
