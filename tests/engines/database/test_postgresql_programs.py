"""What PostgreSQL's programs are told of a database: all but the password."""

from __future__ import annotations

import pytest

from septet.engines.database.postgresql_programs import split_password


@pytest.mark.parametrize(
    ("url", "without", "password"),
    [
        ("postgresql://ann:p%40ss@db:5432/septet", "postgresql://ann@db:5432/septet", "p@ss"),
        (
            "postgres://ann@db/septet?password=p%40ss&sslmode=require",
            "postgres://ann@db/septet?sslmode=require",
            "p@ss",
        ),
        ("postgresql:///septet", "postgresql:///septet", ""),
        ("postgresql:///septet?host=/run/postgresql", "postgresql:///septet?host=%2Frun%2Fpostgresql", ""),
        ("postgresql://:secret@/septet", "postgresql://@/septet", "secret"),
    ],
)
def test_the_password_is_apart_and_the_rest_is_as_it_was(url: str, without: str, password: str) -> None:
    assert split_password(url) == (without, password)
