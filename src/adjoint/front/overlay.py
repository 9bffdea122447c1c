"""Plain NumPy in: while a trace runs, the user's modules see the differentiable NumPy.

Enters: the function that is about to be traced.  Leaves: the user's modules with `ad.numpy` in
place of NumPy, functions that take traced values in place of those of `math`, `cmath` and SciPy,
and shadows of `float`, `complex` and `isinstance`; all of it is put back when the last trace ends.

User modules are `__main__` and those whose files are neither Python's nor installed packages; the
function's own module in any case.  On plain values a stand-in does exactly what the original does,
so code that runs meanwhile in other threads does not notice.  Names in closures and imports made
while a trace runs are exchanged as well.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..base.dtypes import readable
from ..base.errors import TracingError, message
from ..graph.op import Traced
from . import drawing, linalg, special
from .counterparts import INERT, MISSING, memory, stands_for
from .mathematics import functions_of
from .numpy import iteration, register
from .operands import as_operand, functions, has_traced
from .outside import Outside, is_library, is_users_module, own_attribute, watched_in
from .reach import names_of
from .trace import RecordingTensor, Tensor, plain_value

# --------------------------------------------------------------------------------------- stand-ins


class Facade(ModuleType):
    """A module in which some names are others; all else is the module's own."""

    def __init__(self, real: ModuleType, names: dict[str, Any]) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__dict__.update({k: v for k, v in vars(real).items() if not k.startswith("__")})
        self.__dict__.update(names)
        self.__dict__["_real"] = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_real"])


class Floating(type):
    """The type of the stand-in for `float`: what is asked of `float` is asked of it."""

    def __instancecheck__(cls, x: Any) -> bool:
        return is_instance(x, float)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, plain_kinds(cls))

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.__base__

    def __hash__(cls) -> int:
        return hash(cls.__base__)


class TracedFloat(float, metaclass=Floating):
    """`float` that keeps traced values: their derivative is not lost."""

    dtype = np.dtype(float)  # so that NumPy takes it as a dtype

    def __new__(cls, x: Any = 0.0) -> Any:
        return as_number(x, float) if isinstance(x, Tensor) else float(x)


class TracedComplex(complex, metaclass=Floating):
    """`complex` that keeps traced values."""

    dtype = np.dtype(complex)

    def __new__(cls, *parts: Any) -> Any:
        if not has_traced(*parts):
            return complex(*parts)
        whole = parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]
        return as_number(whole, complex)


TracedFloat.__name__ = TracedFloat.__qualname__ = "float"
TracedComplex.__name__ = TracedComplex.__qualname__ = "complex"


def as_number(x: Any, kind: type) -> Any:
    """A traced value of one element as a number."""
    if x.size != 1:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    if type(x) is RecordingTensor and x.is_over():
        return kind(np.asarray(x.value).item())
    if kind is float and x.dtype.kind == "c":
        raise TypeError(f"float() argument must be a real number, not {x.dtype}")
    return x.reshape(()).astype(kind) if x.shape or x.dtype != kind else x


def is_instance(x: Any, kinds: Any) -> bool:
    """`isinstance`, which answers for a traced value as for what it stands for."""
    if not isinstance(x, Tensor):
        return isinstance(x, plain_kinds(kinds))
    if isinstance(kinds, tuple):
        return any(is_instance(x, kind) for kind in kinds)
    kinds = plain_kinds(kinds)
    if isinstance(x, kinds):
        return True
    return issubclass(stands_for(x), kinds)


def plain_kinds(kinds: Any) -> Any:
    """Types without the stand-ins among them."""
    if isinstance(kinds, tuple):
        return tuple([plain_kinds(k) for k in kinds])
    return kinds.__base__ if type(kinds) is Floating else kinds


# ------------------------------------------------------------------------------------ the exchange


class Exchange:
    """What is exchanged now, for how many traces, and what was there before."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.count = 0
        self.is_on = False
        self.done: list[tuple[dict[str, Any], str, Any, Any]] = []  # names, name, before, after
        self.spaces: dict[int, dict[str, Any]] = {}
        self.own: dict[int, dict[str, Any]] = {}  # those of the functions that are traced
        self.reach: frozenset[str] | None = frozenset()  # names that their code comes across
        self.considered: set[int] = set()  # the modules that were looked at for that
        self.kept: list[Any] = []  # what the table names, so that identities stay
        self.back: dict[int, tuple[Any, Any]] = {}  # stand-ins by identity, and what they replace
        self.known: frozenset[str] = frozenset()
        self.loaded = 0  # modules that were looked at
        self.wanted: dict[int, Wanted] = {}  # by module
        self.passing: list[int] = []  # of them, those that are forgotten when the traces end
        self.users: list[ModuleType] = []
        self.others: dict[str, Any] = {}  # modules that are not the user's, by name
        self.real_import = builtins.__import__
        self.real_build = builtins.__build_class__
        self.outside = Outside()
        self.counterparts = self.outside.counterparts
        self.outside.opened = open_space
        self.outside.met = met


class Wanted(NamedTuple):
    """What is exchanged in a module, as long as its names are these."""

    size: int
    values: tuple[int, ...]  # the identities of what the names stand for
    names: list[tuple[str, Any, Any]]  # name, before, after
    places: list[str]  # names of what holds functions: containers, classes, closures, objects
    is_own: bool  # whether arrays are exchanged too
    leads: list[dict[str, Any]]  # the user's modules that it has functions, classes and names from
    watched: list[str] | None = None  # names of arrays, containers and objects


SHADOWS: dict[str, Any] = {
    "float": TracedFloat,
    "complex": TracedComplex,
    "isinstance": is_instance,
}


@contextmanager
def overlay(function: Callable, objects: Iterable[Any] = ()) -> Iterator[Callable]:
    """The user's names exchanged while a function is traced, and arrays in `objects` of the
    user's; gives what is to be called, another function where it is itself exchanged."""
    with exchange.lock:
        exchange.count += 1
    remembered, memory.known = memory.known, None
    try:
        with exchange.lock:
            is_first = not exchange.is_on
            if is_first:
                begin()
            after = exchange.counterparts.find(function)
            objects = list(objects)
            widen(function, objects)
            enter(function)
            for x in objects:
                exchange.outside.look(x)
            if is_first:
                for module in exchange.users:
                    replace(vars(module))
        yield function if after is MISSING else after
    finally:
        memory.known = remembered
        with exchange.lock:
            exchange.count -= 1
            if exchange.count == 0:
                end()


def counterpart(function: Callable) -> Callable:
    """A function that is given to a transform: for one of Python's or NumPy's, ours."""
    with exchange.lock:
        table()
        after = exchange.counterparts.find(function)
    return function if after is MISSING else after


def begin() -> None:
    """The first trace: the table, the import statement, the user's modules."""
    table()
    exchange.is_on = True
    exchange.real_import = builtins.__import__
    builtins.__import__ = importing  # type: ignore[assignment]
    exchange.real_build = builtins.__build_class__
    builtins.__build_class__ = building
    if exchange.loaded != len(sys.modules):
        exchange.loaded = len(sys.modules)
        exchange.users = users_modules()


def users_modules() -> list[ModuleType]:
    """The user's own modules; another's is looked at once."""
    others, found = exchange.others, []
    for name, module in list(sys.modules.items()):
        if others.get(name) is not module:
            if is_users_module(name, module):
                found.append(module)
            else:
                others[name] = module
    return found


def widen(function: Callable, objects: list[Any]) -> None:
    """The names that a function comes across are looked at, in modules that are open already."""
    if exchange.reach is None:
        return
    users = [vars(module) for module in exchange.users]
    space = getattr(function, "__globals__", None)
    if space is not None and not any(space is x for x in users):
        users.append(space)
    exchange.considered.update(map(id, users))
    names = names_of((function, *objects), users)
    new = names if names is None else names - exchange.reach
    if new is not None and not new:
        return
    exchange.reach = None if names is None else exchange.reach | names
    arrays = exchange.outside.arrays
    for key, space in list(exchange.spaces.items()):
        known = exchange.wanted.get(key)
        if known is None:
            continue
        exchange.outside.arrays = key in exchange.own
        look_at(space, [x for x in known.places if new is None or x in new])
        if key in exchange.own and known.watched is not None:
            exchange.outside.space(space, [x for x in known.watched if new is None or x in new])
    exchange.outside.arrays = arrays


def within_reach(space: dict[str, Any], names: Iterable[str]) -> Iterable[str]:
    """Those names of a module that the code may come across; all of one that was not there yet."""
    reach = exchange.reach
    if reach is None or id(space) not in exchange.considered:
        return names
    return [x for x in names if x in reach]


def enter(function: Callable) -> None:
    """The modules and closures of one function, in an installed package too."""
    found: Any = function
    for _ in range(WRAPPED):
        inner = found.func if isinstance(found, partial) else own_attribute(found, "__func__")
        if inner is None and not is_users_function(found):
            inner = own_attribute(found, "__wrapped__")
        if inner is None:
            break
        found = inner
    if not isinstance(found, FunctionType):
        found = type(found).__call__
    if is_users_function(found):
        own(found.__globals__)
    exchange.outside.look(function)


def is_users_function(x: Any) -> bool:
    """Whether a function is neither Python's, NumPy's, SciPy's nor our own."""
    return isinstance(x, FunctionType) and not is_library(x.__code__.co_filename)


WRAPPED = 16  # bound methods, `partial`s, transforms around a function


def own(space: dict[str, Any]) -> None:
    """The module of a traced function, and those that it has imported: their arrays too."""
    stack = [space]
    while stack:
        space = stack.pop()
        key = id(space)
        if key in exchange.own:
            continue
        exchange.own[key] = space
        replace(space, is_own=True)
        known = exchange.wanted[key]
        watched = known.watched
        if watched is None:
            watched = watched_in(space)
            exchange.wanted[key] = known._replace(watched=watched)
        exchange.outside.space(space, within_reach(space, watched))
        stack += known.leads


def module_of(space: dict[str, Any]) -> Any:
    """The module whose names these are; None for names that `exec` was given."""
    name = space.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    return module if getattr(module, "__dict__", None) is space else None


def open_space(function: FunctionType) -> None:
    """The module of a function that the traced one may call, where it is not an installed one."""
    space = function.__globals__
    if id(space) in exchange.own:
        return
    module = module_of(space)
    if module is not None and not is_users_module(module.__name__, module):
        return
    if exchange.outside.arrays:
        own(space)
    else:
        replace(space)


def replace(space: dict[str, Any], is_own: bool = False) -> None:
    """Exchange the names of a module, and what its containers, classes and closures hold.

    What that is, is remembered: of a function's own module as long as every name stands for the
    same object, of others as long as the number of names is the same.
    """
    key = id(space)
    is_new = key not in exchange.spaces
    if not is_new and not is_own:
        return
    exchange.spaces[key] = space
    known = exchange.wanted.get(key)
    arrays, exchange.outside.arrays = exchange.outside.arrays, is_own
    if known is not None and not is_new:  # its names are exchanged already
        if not known.is_own:
            known = known._replace(is_own=True, places=places_in(space), watched=None, values=())
            exchange.wanted[key] = known
        look_at(space, known.places)
        exchange.outside.arrays = arrays
        return
    values = tuple(map(id, list(space.values()))) if is_own or known is None else ()
    if (
        known is None
        or known.size != len(space)
        or (is_own and (not known.is_own or is_other(space, values, known)))
    ):
        known = Wanted(
            len(space), values, found_in(space), places_in(space), is_own, leads_of(space)
        )
        exchange.wanted[key] = known
        if module_of(space) is None:
            exchange.passing.append(key)
    else:
        if is_own and values != known.values:
            known = exchange.wanted[key] = known._replace(values=values, watched=None)
        look_at(space, known.places)
    exchange.outside.arrays = arrays
    done = exchange.done
    for name, before, after in known.names:
        if space.get(name, MISSING) is before:
            done.append((space, name, before, after))
            space[name] = after


def is_other(space: dict[str, Any], values: tuple[int, ...], known: Wanted) -> bool:
    """Whether a name of a module has come to stand for something that may hold functions."""
    if values == known.values:
        return False
    if len(values) != len(known.values):
        return True
    pairs = zip(list(space.values()), values, known.values, strict=False)
    return any(a != b and type(x) not in DATA for x, a, b in pairs)


DATA = INERT | {np.ndarray}


def found_in(space: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The names of a module that are exchanged: what they are, and what takes their place."""
    find = exchange.counterparts.find
    found = [(k, v, find(v)) for k, v in list(space.items()) if type(v) not in INERT]
    found = [x for x in found if x[2] is not MISSING]
    found += [(k, MISSING, after) for k, after in SHADOWS.items() if k not in space]
    return found


def places_in(space: dict[str, Any]) -> list[str]:
    """The names of a module that stand for what holds something to exchange, which is done."""
    outside = exchange.outside
    before, outside.objects = outside.objects, 0
    given = [(name, x) for name, x in list(space.items()) if not name.startswith("__")]
    found = [name for name, x in given if outside.look(x)]
    outside.objects = before
    return found


def look_at(space: dict[str, Any], names: Iterable[str]) -> None:
    """Exchange what these names of a module hold."""
    for name in within_reach(space, names):
        exchange.outside.look(space.get(name))


def leads_of(space: dict[str, Any]) -> list[dict[str, Any]]:
    """The user's other modules whose functions, classes or names a module knows."""
    names: dict[str, None] = {}
    for x in list(space.values()):
        name = x.__name__ if isinstance(x, ModuleType) else getattr(x, "__module__", None)
        if isinstance(name, str):
            names[name] = None
    modules = [(name, sys.modules.get(name)) for name in names]
    return [vars(m) for name, m in modules if m is not None and is_users_module(name, m)]


def end() -> None:
    """The last trace has ended: everything as it was, but for what the user has set meanwhile."""
    if exchange.is_on:
        builtins.__import__ = exchange.real_import
        builtins.__build_class__ = exchange.real_build
    exchange.is_on = False
    seen = exchange.outside.held()
    exchange.outside.end()
    for space, name, before, after in reversed(exchange.done):
        if space.get(name, MISSING) is after:
            if before is MISSING:
                del space[name]
            else:
                space[name] = before
    for space in exchange.own.values():
        known = exchange.wanted.get(id(space))
        if known is None or known.values != tuple(map(id, list(space.values()))):
            left_behind(space, list(space.items()))
    for holder in seen:
        values = list(holder if type(holder) is list else holder.values())
        if RecordingTensor in map(type, values) or not exchange.back.keys().isdisjoint(
            map(id, values)
        ):
            left_behind(holder, list(zip(holder, values, strict=False)))
    for key in exchange.passing:
        exchange.wanted.pop(key, None)
    exchange.passing.clear()
    exchange.done.clear()
    exchange.spaces.clear()
    exchange.own.clear()
    exchange.reach = frozenset()
    exchange.considered.clear()


def is_plain(x: RecordingTensor) -> bool:
    """Whether a traced value that is left when the user's code has ended has a number."""
    return x.program is None and not isinstance(x.value, Traced)


def left_behind(holder: Any, items: list[tuple[Any, Any]]) -> None:
    """Put back what the user has bound elsewhere (`global xp; xp = np`); a traced value that was
    left outside is its number or array from now on."""
    for place, (key, value) in enumerate(items):
        found = exchange.back.get(id(value))
        if found is not None and found[0] is value:
            after = found[1]
        elif type(value) is RecordingTensor and is_plain(value):
            after = plain_value(value)
        else:
            continue
        if type(holder) is not list:
            holder[key] = after
        elif place < len(holder) and holder[place] is value:
            holder[place] = after


def importing(name: str, space: Any = None, *rest: Any, **more: Any) -> Any:
    """`import` while a trace runs: a user's module gets the stand-in."""
    found = exchange.real_import(name, space, *rest, **more)
    if space is None:
        return found
    if exchange.loaded != len(sys.modules):
        meet()
    is_executed = "__name__" not in space  # code that `exec` runs
    if not is_executed and id(space) not in exchange.spaces:
        return found
    with exchange.lock:
        if exchange.is_on:
            if is_executed:
                own(space)
            parts = rest[1] if len(rest) > 1 else more.get("fromlist")
            arrive(found, sys.modules.get(name), *[vars(found).get(k) for k in parts or ()])
    return exchange.counterparts.table.get(id(found), found)


def arrive(*modules: Any) -> None:
    """The user's modules that an import statement of a traced function names."""
    for module in modules:
        if isinstance(module, ModuleType):
            met(module)


def met(module: ModuleType) -> bool:
    """A module that a traced function may use; whether it is the user's."""
    if not is_users_module(module.__name__, module):
        return False
    if getattr(getattr(module, "__spec__", None), "_initializing", False):
        return False
    if exchange.outside.arrays:
        own(vars(module))
    else:
        replace(vars(module))
    return True


def building(*args: Any, **kwargs: Any) -> Any:
    """The `class` statement: a stand-in binds to objects as little as what it replaces."""
    made = exchange.real_build(*args, **kwargs)
    if isinstance(made, type):
        for name, value in list(vars(made).items()):
            found = exchange.back.get(id(value))
            if found is not None and found[0] is value and not hasattr(type(found[1]), "__get__"):
                type.__setattr__(made, name, staticmethod(value))
    return made


def meet() -> None:
    """Modules that were imported while a trace runs."""
    with exchange.lock:
        if not exchange.is_on:
            return
        exchange.loaded = len(sys.modules)
        table()
        known = set(map(id, exchange.users))
        for name, module in list(sys.modules.items()):
            if id(module) in known or not is_users_module(name, module):
                continue
            if getattr(getattr(module, "__spec__", None), "_initializing", False):
                exchange.loaded = 0  # its own import statements are still running
                continue
            exchange.users.append(module)
            own(vars(module))


def import_module(name: str, package: str | None = None) -> Any:
    """`importlib.import_module`, which gives the stand-in."""
    found = importlib.import_module(name, package)
    if exchange.is_on and exchange.loaded != len(sys.modules):
        meet()
    with exchange.lock:
        if exchange.is_on:
            arrive(found)
    return exchange.counterparts.table.get(id(found), found)


def table() -> None:
    """Make the table of stand-ins, and again where more modules of SciPy are loaded."""
    loaded = frozenset([name for name in SCIPY if name in sys.modules])
    if exchange.counterparts.table and loaded == exchange.known:
        return
    exchange.known = loaded
    pairs: list[tuple[Any, Any]] = []
    inner: dict[str, dict[str, Any]] = {}
    for name, public in register.names.items():
        place, _, last = name.rpartition(".")
        inner.setdefault(place, {})[last] = public
    whole = {**iteration.WITH_LISTS, **inner.pop("", {})}
    for place, names in inner.items():
        module = importlib.import_module(f"numpy.{place}")
        whole[place] = Facade(module, names)
        pairs.append((module, whole[place]))
        pairs += [(getattr(module, k), v) for k, v in names.items() if hasattr(module, k)]
    drawn = drawing.functions()
    whole["random"] = Facade(np.random, drawn)
    pairs.append((np.random, whole["random"]))
    pairs += [(getattr(np.random, k), v) for k, v in drawn.items()]
    whole["isscalar"] = lambda x: not x.shape if isinstance(x, Tensor) else np.isscalar(x)
    facade = Facade(np, whole)
    pairs.append((np, facade))
    pairs += [(getattr(np, k), v) for k, v in whole.items() if hasattr(np, k)]
    for name in ("math", "cmath", "statistics"):
        module = importlib.import_module(name)
        names = functions_of(module)
        pairs.append((module, Facade(module, names)))
        pairs += [(getattr(module, k), v) for k, v in names.items()]
    pairs += scipys(loaded)
    found = wraps(importlib.import_module)(import_module)
    pairs += [
        (importlib.import_module, found),
        (importlib, Facade(importlib, {"import_module": found})),
    ]
    pairs = [(a, b) for a, b in pairs if a is not b and not isinstance(a, (int, float, type(None)))]
    exchange.kept += pairs
    exchange.wanted.clear()
    exchange.counterparts.table = {id(a): b for a, b in pairs}
    exchange.back.update({id(b): (b, a) for a, b in reversed(pairs)})


exchange = Exchange()
functions["is shared"] = exchange.outside.shares

SCIPY = ("scipy", "scipy.special", "scipy.linalg", "scipy.fft", "scipy.optimize")
ROOTS = ("bisect", "brenth", "brentq", "ridder")  # of SciPy's, in C, which go on after an error


def scipys(loaded: frozenset[str]) -> list[tuple[Any, Any]]:
    """The stand-ins for SciPy's modules and functions, as far as they are loaded."""
    pairs: list[tuple[Any, Any]] = []
    parts: dict[str, Any] = {}
    ours = {"scipy.special": dict(special.names), "scipy.linalg": {}}
    for name in linalg.__dir__():
        implementation = vars(linalg).get(name)
        if implementation is not None:
            ours["scipy.linalg"][name] = implementation
    for path, names in ours.items():
        if path not in loaded:
            continue
        module = sys.modules[path]
        given = {k: either(getattr(module, k), v) for k, v in names.items() if hasattr(module, k)}
        parts[path.rpartition(".")[2]] = Facade(module, given)
        pairs.append((module, parts[path.rpartition(".")[2]]))
        pairs += [(getattr(module, k), v) for k, v in given.items()]
    if "scipy.optimize" in loaded:
        module = sys.modules["scipy.optimize"]
        finders = {name: heard(getattr(module, name)) for name in ROOTS}
        parts["optimize"] = Facade(module, finders)
        pairs.append((module, parts["optimize"]))
        pairs += [(getattr(module, k), v) for k, v in finders.items()]
    if "scipy" in loaded and parts:
        pairs.append((sys.modules["scipy"], Facade(sys.modules["scipy"], parts)))
    return pairs


def heard(find: Callable) -> Callable:
    """A root finder whose function says in time that it gave a traced value: the finder itself
    would go on, and end with any error or none."""

    @wraps(find)
    def call(f: Callable, *args: Any, **kwargs: Any) -> Any:
        def plain(*given: Any) -> Any:
            found = f(*given)
            if not isinstance(found, Tensor):
                return found
            raise TracingError(
                message(
                    f"the function that `{find.__name__}` looks for a root of gave a traced value "
                    f"({readable(found)}): its compiled code takes numbers only",
                    expected="a root of plain numbers, and its derivative by a step of Newton's "
                    "method",
                    instead=f"outside `jit`: `r = {find.__name__}(...)` with `ad.stop_gradient(a)` "
                    "for the traced `a` in the function `f`, then `r - f(r, a) / "
                    "ad.stop_gradient(slope)`, with the slope of `f` in `r`",
                    operation=find.__name__,
                )
            )

        return find(plain, *args, **kwargs)

    return call


def either(plain: Any, traced: Callable) -> Any:
    """A function that is the library's on plain values."""

    @wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        if has_traced(*args, *kwargs.values()):
            return traced(*map(as_operand, args), **kwargs)
        return plain(*args, **kwargs)

    return call


__all__ = ["counterpart", "overlay"]
