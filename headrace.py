"""The command's door: makes sure that the packages behind it are its own, then opens.

`gateway`, `connectors`, `contracts` and `schemas` are common names, and a project's folder may
well hold packages called so. `python -m` puts the current folder first on the import path; it is
taken off again here (a project's own code is loaded by its path, never by its name). What then
still stands before a shipped package, such as an entry of PYTHONPATH, is named in one sentence.
"""

from __future__ import annotations

import os
import sys

PACKAGES = ("gateway", "connectors", "contracts", "schemas")
EX_CONFIG = 78
"""The exit code of sysexits.h for a set-up that is wrong."""


def main() -> int | None:
    """Run the command line. Returns its exit code, or raises SystemExit with it."""
    home = os.path.dirname(os.path.realpath(__file__))
    _drop_current_folder(home)
    if shadow := _shadow(home):
        sys.stderr.write(f"headrace: {shadow}\n")
        return EX_CONFIG

    from gateway.cli import main as command

    return command()


def _drop_current_folder(home: str) -> None:
    # Only the first entry: that is the one nobody asked for.
    if sys.path and os.path.realpath(sys.path[0] or os.curdir) == os.getcwd() != home:
        del sys.path[0]


def _shadow(home: str) -> str | None:
    """The first shipped package that is not the sibling of this file, as a sentence."""
    from importlib.util import find_spec

    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            return f"the package `{name}` is missing beside {__file__}; install headrace again."
        places = [os.path.realpath(place) for place in spec.submodule_search_locations or ()]
        if places[:1] != [os.path.join(home, name)]:
            found = (places or [spec.origin or "somewhere unknown"])[0]
            return (
                f"{found} stands before the shipped package `{name}`; "
                "take its folder out of PYTHONPATH, or uninstall the package that brought it."
            )
    return None


if __name__ == "__main__":
    sys.exit(main())
