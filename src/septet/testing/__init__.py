"""What tests of a system need: a whole Septet inside the test, on both databases, with time that the test moves.

A system of your own gets the fixtures and async tests with one line in its `tests/conftest.py`:

    pytest_plugins = ["septet.testing.plugin"]

    async def test_it(database_url: str, tmp_path: Path) -> None:
        async with running_septet(database_url, tmp_path, systems=[LIBRARY]) as septet, client_of(septet, "ada") as ada:
            reply = await ada.post("/v1/library/books", json={"title": "Middlemarch"})

Nothing else in Septet imports this; it needs what `pip install septet[testing]` brings.
"""

from septet.testing.people import PEOPLE, Caller, person
from septet.testing.running import Clock, client_of, running_septet

__all__ = ["PEOPLE", "Caller", "Clock", "client_of", "person", "running_septet"]
