"""A project's own Python, loaded as `headrace_project.*`.

A project's folder may hold packages called `contracts` or `connectors`, as the shipped ones are:
they are found by their path and under a name of their own, never through `sys.path`. Relative
imports among them work (`from ..contracts.deal import Deal` in `connectors/acme.py`).
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from gateway.errors import ConfigError

ROOT = "headrace_project"


def use_folder(folder: Path) -> None:
    """Make `folder` the one project of this process; what an earlier one had loaded is dropped."""
    place = [str(folder.resolve())]
    root = sys.modules.get(ROOT)
    if root is not None and list(root.__path__) == place:
        return
    forget()
    module = ModuleType(ROOT, "The project's own code.")
    module.__path__ = place
    sys.modules[ROOT] = module


def forget() -> None:
    """Drop every module of the project, so that the next import reads the files again."""
    for name in [each for each in sys.modules if each == ROOT or each.startswith(f"{ROOT}.")]:
        del sys.modules[name]


def modules_in(folder: Path, within: str) -> Iterator[tuple[Path, ModuleType]]:
    """Import each module and package directly inside `folder / within`, in the order of names.

    Yields nothing where there is no such folder. Raises ConfigError, with the file and line that
    failed, where one cannot be imported, and where `within` leads out of the project.
    """
    use_folder(folder)
    place = Path(os.path.normpath(folder / within))
    try:
        steps = place.relative_to(os.path.normpath(folder)).parts
    except ValueError:
        raise ConfigError(
            f"`{within}` is outside the project's folder.", mend="Move the code into the project."
        ) from None
    if not place.is_dir():
        return
    for step in steps:
        if not step.isidentifier():
            raise ConfigError(f"`{within}`: `{step}` is no name of a Python package.")
    importlib.invalidate_caches()
    for path in sorted(place.iterdir()):
        name = path.stem if path.suffix == ".py" else path.name
        is_package = path.is_dir() and (path / "__init__.py").is_file()
        if not (path.suffix == ".py" or is_package) or not name.isidentifier() or name[0] == "_":
            continue
        yield path, import_project(".".join((ROOT, *steps, name)), path)


def import_project(name: str, path: Path) -> ModuleType:
    """Import one module of the project. Raises ConfigError with the file and line at fault."""
    try:
        return importlib.import_module(name)
    except ConfigError:
        raise
    except SyntaxError as error:
        raise ConfigError(
            f"it is not Python: {error.msg}.", file=str(error.filename or path), line=error.lineno
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs somebody's code
        file, line = _origin(error, path)
        cause = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ConfigError(f"importing it failed: {cause}.", file=file, line=line) from None


def _origin(error: BaseException, path: Path) -> tuple[str, int | None]:
    """The deepest frame of the traceback that lies in the project's own file or folder."""
    inside = str(path if path.is_dir() else path.parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(inside):
            return frame.filename, frame.lineno
    return str(path), None
