"""What stands in an address, and where it leads."""

from collections.abc import Callable

from werkzeug.routing import Rule as Basis


class Rule(Basis):
    """A route. The code that writes its address is made for the first link to it: for all of them it took a start a tenth of a second."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        name = "_build_unknown" if append_unknown else "_build"
        compiled = super()._compile_builder

        def build_first(_rule: Basis, /, **values: object) -> tuple[str, str]:
            build: Callable[..., tuple[str, str]] = compiled(append_unknown).__get__(self, None)
            setattr(self, name, build)
            return build(**values)

        return build_first
