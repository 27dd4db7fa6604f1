"""All benchmarks, one after another: `python -m benchmarks [--quick] [name …]`."""

from __future__ import annotations

import argparse
import importlib

NAMES = (
    "startup_and_memory",
    "read_list_create",
    "signing_in",
    "identity_timing",
    "identity_memory",
    "introspection",
    "slow_fsync",
    "workers",
    "tasks",
    "database_engines",
    "shared_limits",
    "graphql_feed",
    "mcp",
    "command_line",
    "telemetry",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, help=f"some of {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="short, for a first look: the figures will be rough")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {min(unknown)}; there are {', '.join(NAMES)}")
    for name in options.names:
        print(f"\n{name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").run(quick=options.quick)


if __name__ == "__main__":
    main()
