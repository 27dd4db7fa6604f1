"""PostgreSQL's own programs, pg_dump, pg_restore and psql: found, of a version that fits, and run without secrets.

A password never stands on a command line, which every user of the machine may read; it goes by the environment.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from septet.engines.database.manifest import ArchiveError

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_LONGEST_COMPLAINT = 2000


class Programs:
    """The programs in `folder`, or those on PATH where it is empty."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    async def check(self, name: str, at_least: int) -> None:
        """Raise ArchiveError unless the program is there and of PostgreSQL `at_least`: an older one refuses."""
        found = _VERSION.search(await self.run(name, "--version"))
        if found is None or int(found[1]) < at_least:
            version = found[1] if found else "of an unknown version"
            raise ArchiveError(
                f"{self._path(name)} is of PostgreSQL {version}, and {at_least} is needed: install "
                f"postgresql-client-{at_least}, or name its folder in SEPTET_POSTGRESQL_PROGRAMS"
            )

    async def run(self, name: str, *words: str | Path, url: str = "") -> str:
        """Run it to its end, on the database `url`, and give what it wrote. Raises ArchiveError if it fails."""
        environment, connection = dict(os.environ), []
        if url:
            without, password = split_password(url)
            connection = [f"--dbname={without}"]
            environment |= {"PGPASSWORD": password} if password else {}
        try:
            process = await asyncio.create_subprocess_exec(
                self._path(name),
                *connection,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            raise ArchiveError(f"{self._path(name)} cannot be run: {error.strerror}") from error
        try:
            written, complaint = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise ArchiveError(f"{name} failed: {_in_a_line(complaint)}")
        return written.decode(errors="replace")

    def _path(self, name: str) -> str:
        found = shutil.which(name, path=self._folder or None)
        if found is None:
            where = f"in {self._folder}" if self._folder else "on PATH"
            raise ArchiveError(
                f"{name} is not {where}: install PostgreSQL's client programs (Debian: postgresql-client), or name "
                "their folder in SEPTET_POSTGRESQL_PROGRAMS"
            )
        return found


def split_password(url: str) -> tuple[str, str]:
    """The URL without the password, and the password, which stands before the host or in the query."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    options = parse_qsl(parts.query, keep_blank_values=True)
    password = unquote(password) or dict(options).get("password", "")
    query = urlencode([option for option in options if option[0] != "password"], quote_via=quote)
    # By hand: urlunsplit makes postgresql:/name of postgresql:///name, which libpq takes for the name of a database.
    return f"{parts.scheme}://{name}{at}{host}{parts.path}{'?' if query else ''}{query}", password


def _in_a_line(complaint: bytes) -> str:
    lines = [line.strip() for line in complaint.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines)[:_LONGEST_COMPLAINT] or "it said nothing"
