"""Reads query plans, and tells those whose cost grows with a table.

Both databases are asked on empty, never analysed tables, so that a plan depends on indexes and on nothing else.
PostgreSQL is told to avoid sequential scans, so one that remains has no index to use, and to plan without looking
at values, as it does for a prepared statement.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import asyncpg

from septet.core.database import Query
from septet.core.system import System
from septet.engines.database.compile import Plans
from septet.engines.database.dialects import POSTGRESQL, SQLITE

SORTS = "sorts more than it gives"
_LIST_LENGTH = 4  # of every list parameter; any will do
_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX \w+)?$")
_ALIAS = re.compile(r"\b(\w+) AS (\w+)")
_INDEXES = """
    select indexrelid::regclass::text, indrelid::regclass::text, pg_get_indexdef(indexrelid, 1, true) from pg_index
"""
_KEEPS_LIMIT = {"Limit", "LockRows", "Result"}  # nodes that ask for no more rows than they are asked for

Indexes = dict[str, tuple[str, str]]  # of each index, its table and its leading column


def large_tables(systems: Iterable[System]) -> set[str]:
    """All tables but those whose declaration says, as `info={"small": "why"}`, that they stay small."""
    tables = [table for system in systems if system.tables is not None for table in system.tables.sorted_tables]
    return {table.name for table in tables if not table.info.get("small")}


def unexcused(query: Query, faults: Iterable[str]) -> list[str]:
    """The faults for which the query gives no reason."""
    return [f"{query.name} {fault}" for fault in faults if not (query.sorts if fault == SORTS else query.scan)]


def faults_on_sqlite(connection: sqlite3.Connection, query: Query, large: set[str]) -> list[str]:
    """What of the query's plan grows with a table of `large`.

    SQLite does not tell a walk along an index that ends after LIMIT rows from one that filters what it meets. If
    nothing is sorted afterwards it is left to PostgreSQL, which tells.
    """
    plan = Plans(SQLITE)[query]
    text = plan.sql
    for name in plan.lists:
        text = text.replace(f"__[POSTCOMPILE_{name}]", ",".join("?" * _LIST_LENGTH))
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", [None] * text.count("?"))]
    sorts = "USE TEMP B-TREE FOR ORDER BY" in steps
    may_end_early = "LIMIT" in text and not sorts
    alias = {short: table for table, short in _ALIAS.findall(text)}
    found = []
    for step in steps:
        scan = _SCAN.match(step)
        if scan and alias.get(scan[1], scan[1]) in large and not (may_end_early and "USING" in step):
            found.append(f"reads a whole table: {step}")
        if "AUTOMATIC" in step or "ANY(" in step:
            found.append(f"lacks an index: {step}")
    if sorts and "LIMIT" in text:
        found.append(SORTS)
    return found


async def faults_on_postgresql(connection: asyncpg.Connection, query: Query, large: set[str]) -> list[str]:
    """What of the query's plan grows with a table of `large`."""
    sql = Plans(POSTGRESQL)[query].sql
    count = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
    nulls = f"({', '.join(['null'] * count)})" if count else ""
    await connection.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare looked_at as {sql}")
    try:
        explained = await connection.fetchval(f"explain (format json) execute looked_at{nulls}")
    finally:
        await connection.execute("deallocate looked_at")
    indexes = {row[0]: (row[1], row[2]) for row in await connection.fetch(_INDEXES)}
    return list(_walk(json.loads(explained)[0]["Plan"], large, indexes, ends_early=False))


def _walk(node: dict[str, Any], large: set[str], indexes: Indexes, *, ends_early: bool) -> Iterator[str]:
    """`ends_early`: whoever reads this node stops after LIMIT rows."""
    kind = node["Node Type"]
    index = node.get("Index Name")
    if kind == "Seq Scan" and node["Relation Name"] in large:
        yield f"reads a whole table: {node['Relation Name']}"
    if index is not None and indexes[index][0] in large:
        yield from _faults_of_index(node, indexes[index][1], ends_early=ends_early and kind != "Bitmap Index Scan")
    if kind == "Sort" and ends_early:
        yield SORTS
    for below in node.get("Plans", ()):
        if below.get("Parent Relationship") in ("SubPlan", "InitPlan"):
            passes = False
        elif kind == "Nested Loop" and node.get("Join Type") == "Left":
            passes = ends_early and below["Parent Relationship"] == "Outer"
        else:
            passes = kind == "Limit" or (ends_early and kind in _KEEPS_LIMIT and "Filter" not in node)
        yield from _walk(below, large, indexes, ends_early=passes)


def _faults_of_index(node: dict[str, Any], leading: str, *, ends_early: bool) -> Iterator[str]:
    name, condition = node["Index Name"], node.get("Index Cond")
    if condition is not None and _bare(leading) not in _bare(condition):
        yield f"skips the leading column of {name}: {condition}"
    if condition is None and not ends_early:
        yield f"reads a whole index: {name}"
    if condition is None and ends_early and "Filter" in node:
        yield f"walks along {name} until enough rows pass {node['Filter']}"


def _bare(expression: str) -> str:
    """The expression without parentheses and casts, which PostgreSQL writes differently in different places."""
    return re.sub(r"::\w+|[()\"]", "", expression)
