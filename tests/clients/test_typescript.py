"""A TypeScript client generated from /openapi.json compiles under --strict, and walks through a person's first minutes.

The tools come from npm, once, into build/; what is generated and compiled is made anew each time.
"""

from __future__ import annotations

from pathlib import Path

from septet.core.ids import new_id
from support.npm import copied_with_packages, run, skip_without_npm

HERE = Path(__file__).parent / "typescript"


def test_a_generated_client_registers_signs_in_and_handles_problems(server: str, tmp_path: Path) -> None:
    skip_without_npm("THE TYPESCRIPT CLIENT WAS NOT TESTED")
    copied_with_packages(HERE, tmp_path)
    programs = tmp_path / "node_modules" / ".bin"
    run(programs / "openapi-typescript", f"{server}/openapi.json", "--output", "schema.ts", cwd=tmp_path)
    run(programs / "tsc", "--project", ".", cwd=tmp_path)
    assert run("node", "compiled/program.js", server, f"ada-{new_id()}@example.com", cwd=tmp_path) == "done\n"
