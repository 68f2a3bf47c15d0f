"""What is wrong with a project, gathered: several problems are told at once, in file order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import msgspec

from gateway.errors import ConfigError, SecretError


class Problem(msgspec.Struct, frozen=True):
    """One thing to mend. `place` is dotted (`routes.score.to`), `line` counts from 1."""

    file: str
    line: int | None
    place: str
    cause: str
    mend: str | None = None
    code: str = "config_invalid"

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{where}: {self.place}: {self.cause}" if self.place else f"{where}: {self.cause}"
        return f"{what} {self.mend}" if self.mend else what


class ProjectError(ConfigError):
    """The project cannot be used. `problems` is never empty; `file` and `line` are the first's."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        ordered = sorted(
            dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line or 0)
        )
        super().__init__(
            "\n".join(str(problem) for problem in ordered),
            file=ordered[0].file,
            line=ordered[0].line,
            mend=ordered[0].mend,
            code=ordered[0].code,
        )
        self.problems = tuple(ordered)

    def __str__(self) -> str:
        return self.message


class SecretsMissing(ProjectError, SecretError):
    """Nothing is wrong with the project but references that lead to no value."""


def project_error(problems: Sequence[Problem]) -> ProjectError:
    """The error for these problems, a SecretError where they are all of that kind."""
    if all(problem.code == SecretError.code for problem in problems):
        return SecretsMissing(problems)
    return ProjectError(problems)


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "There is") -> str | None:
    """A sentence that names the nearest of `known`, or all of them where none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{near[0]}`?"
    if not names:
        return None
    shown = ", ".join(f"`{each}`" for each in names[:12])
    return f"{otherwise} {shown}{' and others' if len(names) > 12 else ''}."
