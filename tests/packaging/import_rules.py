"""A rule for import-linter: what a package may import, and nothing else.

The linter's own rules say what is forbidden; a connector written tomorrow, or a dependency added
tomorrow, must be covered without anybody naming it. `make check` runs it (see pyproject.toml).
"""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """Each of `modules` may import itself, the standard library, and what is listed.

    - modules:   packages or module expressions; each match is a stranger to the others.
    - allowed:   modules of this project that it may import, with what is below them.
    - externals: other distributions' packages that it may import. Left out: any.
    - stdlib_without: modules of the standard library that it may not import.
    """

    type_name = "only"

    modules: Any = fields.SetField(subfield=fields.StringField())
    allowed: Any = fields.SetField(subfield=fields.StringField(), required=False)
    externals: Any = fields.SetField(subfield=fields.StringField(), required=False)
    stdlib_without: Any = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        own = set(self.session_options["root_packages"])
        broken = []
        for package in self._packages(graph):
            for module in sorted({package} | graph.find_descendants(package)):
                broken += [
                    (module, imported)
                    for imported in sorted(graph.find_modules_directly_imported_by(module))
                    if not self._may(package, imported, own)
                ]
        details = [detail for pair in broken for detail in self._details(graph, *pair)]
        return ContractCheck(kept=not broken, metadata={"details": details})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for detail in check.metadata["details"]:
            output.print_error(detail, bold=False)

    def _packages(self, graph: ImportGraph) -> list[str]:
        found: set[str] = set()
        for expression in self.modules or ():
            matches = graph.find_matching_modules(expression)
            if not matches and "*" not in expression:
                raise ValueError(f"import rule `{self.name}`: there is no module {expression}.")
            found |= matches
        return sorted(found)

    def _may(self, package: str, imported: str, own: set[str]) -> bool:
        root = imported.partition(".")[0]
        if root in own:
            return any(
                imported == allowed or imported.startswith(f"{allowed}.")
                for allowed in {package, *(self.allowed or ())}
            )
        if root in sys.stdlib_module_names:
            return root not in (self.stdlib_without or ())
        return self.externals is None or root in self.externals

    @staticmethod
    def _details(graph: ImportGraph, importer: str, imported: str) -> list[str]:
        return [
            f"{importer}:{detail['line_number']} imports {imported}: {detail['line_contents']}"
            for detail in graph.get_import_details(importer=importer, imported=imported)
        ]
