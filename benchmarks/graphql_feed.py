"""What does GraphQL cost: 20 posts with author and counts, beside REST's list of them and beside Strawberry?

Strawberry has its DataLoaders and its caches of documents, runs on granian as Septet does, and asks SQLite directly.
It authenticates nobody and limits nothing; Septet verifies a token and reads one snapshot, with its limits off.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.common import Table, take_load_core, verdict, write_results
from benchmarks.compare import Figures, compare, figures_table
from benchmarks.contestants import Contestant, Septet
from benchmarks.load import CONNECTIONS, Requests

MOST_OVER_REST = 3.0
LEAST_OVER_STRAWBERRY = 4.0
QUERY = """query Feed($first: Int!) {
  listPosts(first: $first) { nodes { id text likes createdAt author { id name counts { followers posts } } } }
}"""
ASKED = json.dumps({"query": QUERY, "variables": {"first": 20}, "operationName": "Feed"})
PLAIN = json.dumps({"query": "{ listPosts(first: 20) { nodes { id authorId text likes createdAt } } }"})
REST = "/v1/feed/posts?limit=20"


class SeptetFeed(Septet):
    """The feed as a system of somebody's own."""

    installs = ("feed", "benchmarks.feed_system.system:FEED")

    def fill(self, rows: int) -> None:
        self.sign_in()
        self.call("PUT", "/v1/feed/content")

    def questions(self) -> dict[str, Requests]:
        self.sign_in()
        posted = {**self.headers, "Content-Type": "application/json"}
        _check(self.call("POST", "/graphql", json.loads(ASKED)).json())
        return {
            "feed": Requests(["/graphql"], "POST", posted, ASKED),
            "plain": Requests(["/graphql"], "POST", posted, PLAIN),
            "REST": Requests([REST], headers=self.headers),
        }


class Strawberry(Contestant):
    """The same feed in Strawberry, on granian."""

    name = "Strawberry"
    ready_path = "/graphql?query={__typename}"

    def command(self, port: int) -> list[str]:
        self.environment["FEED_DATABASE"] = str(self.folder / "feed.db")
        served = ["benchmarks.rivals.strawberry_app:app", "--interface", "asgi", "--loop", "uvloop"]
        return [sys.executable, "-m", "granian", *served, "--port", str(port), "--log-level", "warning"]

    def sign_in(self) -> None:
        """Nobody is asked who they are."""

    def fill(self, rows: int) -> None:
        """It fills itself."""

    def questions(self) -> dict[str, Requests]:
        _check(self.call("POST", "/graphql", json.loads(ASKED)).json())
        return {"feed": Requests(["/graphql"], "POST", {"Content-Type": "application/json"}, ASKED)}


def _check(reply: dict[str, Any]) -> None:
    posts = reply["data"]["listPosts"]["nodes"]
    authors = {post["author"]["name"] for post in posts}
    if "errors" in reply or len(posts) != 20 or len(authors) != 20 or posts[0]["author"]["counts"]["posts"] != 20:
        raise RuntimeError(f"this is not the feed: {reply}")


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds, seconds = (1, 2) if quick else (5, 4)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, ExitStack() as running:
        septet, strawberry = SeptetFeed(Path(folder) / "septet"), Strawberry(Path(folder) / "strawberry")
        for contestant in (septet, strawberry):
            contestant.start()
            running.callback(contestant.stop)
            contestant.fill(0)
        beside = compare([septet, strawberry], ["feed"], rounds=rounds, seconds=seconds)
        doors = compare([septet], ["REST", "plain", "feed"], rounds=rounds, seconds=seconds)
    notes = ("“feed” has authors and counts; “plain” and “REST” have neither.",)
    tables = [
        figures_table("20 posts with authors and counts", beside),
        figures_table("20 posts by GraphQL and by REST", doors, notes),
        _ratios(beside, doors),
    ]
    about = f"{CONNECTIONS} connections, {rounds} rounds of {seconds} s a point, medians; SQLite."
    write_results("graphql-feed", tables, about=f"{(__doc__ or '').strip()}\n\n{about}")


def _ratios(beside: Figures, doors: Figures) -> Table:
    """What was aimed for, each of figures that took turns. A single error, and they say nothing."""
    valid = not any(sample.errors for sample in (*beside.values(), *doors.values()))
    over_rest = doors["feed", "Septet"].cpu / doors["REST", "Septet"].cpu
    over_strawberry = beside["feed", "Septet"].rate / beside["feed", "Strawberry"].rate
    aims = (
        ("cost: the feed by GraphQL / REST's list", over_rest, f"< {MOST_OVER_REST:g}", over_rest < MOST_OVER_REST),
        (
            "rate of the feed: Septet / Strawberry",
            over_strawberry,
            f"≥ {LEAST_OVER_STRAWBERRY:g}",
            over_strawberry >= LEAST_OVER_STRAWBERRY,
        ),
    )
    rows = [[name, f"{ratio:.2f}", aim, verdict(met) if valid else "invalid"] for name, ratio, aim, met in aims]
    return Table("Ratios", ["", "", "aim", ""], rows)
