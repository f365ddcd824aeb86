"""What makes a process of several short commands quick."""

import gc
import sys
from contextlib import suppress
from types import ModuleType


class _Undocumented(dict[str, list[str]]):
    """Stands for the parsed documentation of a function, of which nothing is kept."""

    def __init__(self, _: object) -> None:
        super().__init__(Notes=[])

    def __str__(self) -> str:
        return "\n"


def be_quick() -> None:
    """Do without garbage collection, and load scipy.ndimage without its documentation.

    To look for garbage among libraries would take longer than such commands leave any. Half of
    loading scipy.ndimage serves its documentation: since 1.16 scipy rewrites that of each function,
    and copies all names of numpy, which loads f2py and the tools of its tests. A scipy that does
    neither is loaded as it is.
    """
    import numpy as np

    gc.disable()
    unused = [name for name in ("f2py", "testing") if f"numpy.{name}" not in sys.modules]
    for name in unused:
        setattr(np, name, ModuleType(name))
    with suppress(ImportError, AttributeError):
        from scipy._lib import _array_api

        documented = _array_api.FunctionDoc
        _array_api.FunctionDoc = _Undocumented
        try:
            import scipy.ndimage  # noqa: F401
        finally:
            _array_api.FunctionDoc = documented
    for name in unused:
        delattr(np, name)
