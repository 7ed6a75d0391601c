"""An import contract that lists what is allowed; the ready ones can only list what is forbidden."""

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """The package imports itself, the standard library and the allowed packages, and nothing else."""

    type_name = "only"

    package = fields.StringField()
    allowed = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        package = cast("str", self.package)
        allowed = {package, *sys.stdlib_module_names, *cast("list[str]", self.allowed)}
        strays = sorted(
            (importer, imported)
            for importer in {package} | graph.find_descendants(package)
            for imported in graph.find_modules_directly_imported_by(importer)
            if imported.partition(".")[0] not in allowed
        )
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in cast("list[tuple[str, str]]", check.metadata["strays"]):
            output.print_error(f"{importer} imports {imported}", bold=False)
