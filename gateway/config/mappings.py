"""The mapping files a project names, read and judged with their lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from gateway.config.document import Document, Place, dotted, read_document
from gateway.config.explain import explained
from gateway.config.loaded import LoadedMapping
from gateway.config.problems import Problem, ProjectError
from gateway.mapping import Mapping as StreamMapping


class MappingReader:
    """Reads each file once, however often it is named; `problems` gathers what is wrong."""

    def __init__(self, project: Document, folder: Path) -> None:
        self.problems: list[Problem] = []
        self.read: dict[str, LoadedMapping] = {}
        self.documents: dict[str, Document] = {}
        self._project = project
        self._folder = folder
        self._bad: set[str] = set()

    def mapping(self, path: str, named_at: Place) -> StreamMapping | None:
        """The mapping in a file, None where it is not valid. `named_at` is where it is named."""
        if path in self.read:
            return self.read[path].mapping
        if path in self._bad:
            return None
        file = self._folder / path
        if not file.is_file():
            mark = self._project.mark(named_at)
            self._refuse(
                path,
                Problem(
                    mark.file,
                    mark.line,
                    dotted(named_at),
                    f"there is no file `{path}`.",
                    f"Paths start at the project's folder; write {file}.",
                ),
            )
            return None
        try:
            document = read_document(file, path)
        except ProjectError as error:
            self._refuse(path, *error.problems)
            return None
        try:
            mapping = StreamMapping.model_validate(document.value)
        except ValidationError as error:
            self._refuse(path, *explained(error, StreamMapping, document))
            return None
        self.documents[path] = document
        self.read[path] = LoadedMapping(mapping, document.text)
        return mapping

    def problem(
        self, path: str, place: Sequence[str | int], cause: str, mend: str | None = None
    ) -> None:
        """Note what is wrong at a place in a mapping that was read."""
        mark = self.documents[path].mark(tuple(place))
        self.problems.append(Problem(mark.file, mark.line, dotted(tuple(place)), cause, mend))

    def _refuse(self, path: str, *problems: Problem) -> None:
        self._bad.add(path)
        self.problems += problems
