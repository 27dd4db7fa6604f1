"""One served Septet for all clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.served import served


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    with served(tmp_path_factory.mktemp("served")) as url:
        yield url
