"""`python -m benchmarks [NAME …] [--json]`: what the documents claim, measured on this machine.

With `--json` one JSON object a line and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys

import msgspec

from benchmarks.measure import Result

BENCHMARKS = ("append", "normalise", "nouns", "http_clients")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    said = parser.parse_args()
    if unknown := set(said.names) - set(BENCHMARKS):
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    for name in said.names or BENCHMARKS:
        results: list[Result] = asyncio.run(importlib.import_module(f"benchmarks.{name}").run())
        for result in results:
            print(msgspec.json.encode(result).decode() if said.json else shown(result), flush=True)
    return 0


def shown(result: Result) -> str:
    machine = ", ".join(f"{name} {fact}" for name, fact in result.machine.items())
    width = max(len(rate.name) for rate in result.rates)
    lines = [
        f"{result.benchmark}: {result.what} ({machine})",
        f"  {'':{width}}  {result.unit + '/s':>12}  {result.unit + '/CPU-s':>14}  {'ratio':>6}",
    ]
    lines += [
        f"  {rate.name:{width}}  {rate.per_sec:12,.0f}  {rate.per_cpu_sec:14,.0f}  {rate.ratio:6.2f}"
        for rate in result.rates
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
