"""An import-linter contract: the third-party libraries that each package may import, lazily or not.

import-linter's own `forbidden` contract lists what is barred, so a new library would pass it unseen.
"""

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowedLibraries(Contract):
    """Fail where a module of `packages` imports a library that is not in `libraries`.

    The standard library and the project's own packages are always allowed.
    """

    packages = fields.ListField(subfield=fields.StringField())
    libraries = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return the imports that break the contract, one line each."""
        packages, libraries = cast(list[str], self.packages), cast(list[str], self.libraries or [])
        allowed = {*libraries, *sys.stdlib_module_names, *self.session_options["root_packages"]}
        broken = sorted(
            f"{module} imports {library}"
            for package in packages
            for module in (package, *graph.find_descendants(package))
            for library in graph.find_modules_directly_imported_by(module)
            if library.partition(".")[0] not in allowed
        )
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the imports that break the contract."""
        for line in check.metadata["broken"]:
            output.print_error(line)
