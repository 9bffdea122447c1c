"""Tensors: what the user's function sees instead of arrays while it is traced.

Enters: values and operations on them, by Python operators, ndarray's methods and NumPy's two
protocols.  Leaves: values, and the graph of what was done.  A tensor is a handle: it holds a value
and the node that made it.  Outside `jit` a node keeps only what derivative rules read; what carries
no derivative (comparisons, integers) is given back as plain NumPy.

NumPy's functions are implemented in `front/numpy/`, which fills the two tables `functions` and
`ufuncs` below.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import ops  # noqa: F401  (declares the primitives)
from ..base.dtypes import Type, readable, type_of
from ..base.errors import TracingError, message, user_frame, user_position
from ..graph import op
from ..graph.node import NEVER, Node, constant
from ..graph.op import Traced, apply
from ..graph.primitive import ByDomain, Primitive, Zero
from .context import context, oldest, protect, recording_level
from .operands import (
    FLOAT,
    acceptable,
    as_operand,
    augmented,
    binary,
    dividing,
    functions,
    numeric,
    raising,
    ufuncs,
    unevaluated,
)
from .protocols import (
    NotComputed,
    apply_ufunc,
    outlived,
    refused_by_scipy,
    scipy_caller,
    unsupported,
)
from .writing import VIEWS, attach, duplicate, from_inside, is_exposed, link


class Tensor(Traced):
    """The ndarray that a traced function sees: ndarray's attributes, methods, operators, both NumPy
    protocols."""

    __slots__ = ("__weakref__",)
    __array_priority__ = 1000.0

    # ---------------------------------------------------------------------------------- attributes

    shape: tuple[int, ...]
    dtype: np.dtype
    weak: bool

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return Type(self.shape, self.dtype).size

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def T(self) -> Any:
        return functions[np.transpose](self)

    @property
    def mT(self) -> Any:
        return functions[np.matrix_transpose](self)

    @property
    def real(self) -> Any:
        return self.part("real") if self.dtype.kind == "c" else self

    @real.setter
    def real(self, value: Any) -> None:
        functions["setitem"](self.real, Ellipsis, value)

    @property
    def imag(self) -> Any:
        return self.part("imag") if self.dtype.kind == "c" else op.imag(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        functions["setitem"](self.imag, Ellipsis, value)

    def part(self, name: str) -> Any:
        """The real or the imaginary part, a view."""
        found = op.apply(op.registry[name], (self,), {})
        if self.shape:
            attach(self, found, op.registry[name], {})
        return found

    @property
    def flat(self) -> Any:
        found = op.reshape(self, shape=(self.size,))
        if found is not self:
            attach(self, found, op.registry["reshape"], {"shape": (self.size,)})
        return found

    @flat.setter
    def flat(self, value: Any) -> None:
        functions["method put"](self, range(self.size), value)

    # ----------------------------------------------------------------------------------- protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            found = ufuncs.get(ufunc)
            if found is not None:
                return found(*inputs)
        is_plain = context.program is None and all_outside((inputs, options))
        if is_plain and method != "at" and options.get("out") is None:
            return local(getattr(ufunc, method)(*as_arrays(inputs), **as_arrays(options)))
        return apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        is_plain = context.program is None or function not in functions
        is_plain = is_plain and function.__name__ not in VIEWING and kwargs.get("out") is None
        if is_plain and all_outside((args, kwargs)):
            return on_arrays(function, args, kwargs)
        found = functions.get(function)
        if found is None:
            name = f"np.{function.__module__}.{function.__name__}"
            raise unsupported(name.replace("np.numpy", "np", 1))
        return found(*args, **kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if type(self) is RecordingTensor and self.is_over():
            return np.asarray(self.value)
        if type(self) is RecordingTensor and self.dtype.kind in "biu":  # a guard under `jit`
            return np.asarray(self.concrete("an array of places"))
        if caller := scipy_caller():
            raise refused_by_scipy(caller, type_of(self))
        raise TracingError(
            message(
                f"a traced value ({readable(self)}) was to become a plain array, and would lose "
                "its "
                "derivative",
                expected="functions that keep traced values (NumPy's functions, methods and "
                "operators)",
                instead=(
                    "" if self.dtype.kind in "fc" else "`ad.numpy.take(a, i, axis=0)` for `a[i]`; "
                )
                + "`ad.numpy.array([...])` or `np.stack([...])` for `np.array([...])`; "
                "`np.concatenate` or `np.where` for `a[i] = x`; "
                "`ad.stop_gradient(x)` if the value is to count as a constant",
            )
        )

    # -------------------------------------------------------------------- conversions and questions

    def concrete(self, what: str) -> Any:
        """The plain value for a question that is locally constant (`what` names it in errors)."""
        raise NotImplementedError

    def __bool__(self) -> bool:
        return bool(self.concrete("bool()"))

    def __int__(self) -> int:
        return int(self.concrete("int()"))

    def __index__(self) -> int:
        return operator.index(self.concrete("an index"))

    # Of these no branch of the user's depends: they tell Python's errors, and complex results, from
    # others.  Where no rows and no program are concerned the value answers.

    def is_zero(self) -> bool:
        """Whether a Python number is 0, which Python does not divide by."""
        return bool(plain_value(self) == 0) if is_one_value() else sound(self == 0)

    def is_negative(self) -> bool:
        """Whether a Python number is below 0, and has no real roots."""
        if self.dtype.kind == "c":
            return False
        return bool(plain_value(self) < 0) if is_one_value() else sound(self < 0)

    def is_nan(self) -> bool:
        """Whether a number is none."""
        return bool(np.isnan(plain_value(self))) if is_one_value() else sound(self != self)

    def is_unsound(self) -> bool:
        """Whether a number is none, or infinite."""
        if is_one_value():
            return not np.isfinite(plain_value(self))
        return sound(op.logical_not(op.isfinite(self)))

    def is_whole(self) -> bool:
        """Whether a Python number is a whole number."""
        found = op.trunc(self) == self
        return bool(plain_value(found)) if is_one_value() else sound(found)

    def __float__(self) -> float:
        return float(self.number("float"))

    def __complex__(self) -> complex:
        return complex(self.number("complex"))

    def item(self, *args: Any) -> Any:
        """As `ndarray.item`, the number traced."""
        if not args and self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        place = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
        if len(place) == 1 and len(self.shape) != 1:
            place = np.unravel_index(operator.index(place[0]) % self.size, self.shape)
        found = self[place] if place else op.reshape(self, shape=()) if self.shape else self
        return op.python_scalar(found)

    def tolist(self) -> Any:
        """As `ndarray.tolist`, the numbers traced."""
        return [x.tolist() for x in self] if self.shape else op.python_scalar(self)

    def number(self, asked: str) -> Any:
        """The plain value, once the trace has ended; before that its derivative would be lost."""
        if type(self) is not RecordingTensor or not self.is_over():
            raise self.no_number(asked)
        return self.value

    def no_number(self, asked: str) -> TracingError:
        """The error for a number that was asked for and would lose its derivative."""
        expected = f"NumPy's functions: `{asked}()` and Python's `math` module take numbers only"
        instead = f"`np.sin(x)` for `math.sin(x)`; `x` for `{asked}(x)`"
        return TracingError(
            message(
                f"a traced value ({readable(self)}) was asked for a plain number, and would lose "
                "its derivative",
                expected=expected,
                instead=f"{instead}; `ad.stop_gradient(x)` if the value is to count as a constant",
                operation=asked,
            )
        )

    def __hash__(self) -> int:
        raise TracingError(
            message(
                f"a traced value ({readable(self)}) was used as a key of a dictionary, put into a "
                "set or given to a cached function",
                expected="keys that are plain values (a traced value cannot be hashed)",
                instead="a name or a number as the key, a list instead of a set; leave out "
                "`functools.cache`",
            )
        )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, x: Any) -> bool:
        return bool(functions[np.any](self == x))

    def __getitem__(self, key: Any) -> Any:
        return functions["getitem"](self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        functions["setitem"](self, key, value)

    def __format__(self, spec: str) -> str:
        return format(self.shown(), spec)

    def shown(self) -> Any:
        """The value for printing."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise where the `vmap` that made it has ended."""

    def __repr__(self) -> str:
        return f"Tensor({self.shown()!r})"

    def __str__(self) -> str:
        return str(self.shown())

    # ------------------------------------------------------------------------------------ operators

    __add__, __radd__ = binary("add")
    __sub__, __rsub__ = binary("sub")
    __mul__, __rmul__ = binary("mul")
    __truediv__, __rtruediv__ = dividing("div")
    __floordiv__, __rfloordiv__ = dividing("floor_divide")
    __mod__, __rmod__ = dividing("remainder")
    __pow__, __rpow__ = raising()
    __and__, __rand__ = binary("bitwise_and")
    __or__, __ror__ = binary("bitwise_or")
    __xor__, __rxor__ = binary("bitwise_xor")
    __lshift__, __rlshift__ = binary("left_shift")
    __rshift__, __rrshift__ = binary("right_shift")
    __lt__, __gt__ = binary("less")
    __le__, __ge__ = binary("less_equal")
    __eq__, __ne__ = binary("equal")[0], binary("not_equal")[0]  # type: ignore[assignment]

    def __matmul__(self, other: Any) -> Any:
        other = as_operand(other)
        return functions["matmul"](self, other) if acceptable(other) else NotImplemented

    def __rmatmul__(self, other: Any) -> Any:
        other = as_operand(other)
        return functions["matmul"](other, self) if acceptable(other) else NotImplemented

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    __iadd__ = augmented("add")
    __isub__ = augmented("sub")
    __imul__ = augmented("mul")
    __itruediv__ = augmented("div")
    __ifloordiv__ = augmented("floor_divide")
    __imod__ = augmented("remainder")
    __ipow__ = augmented("pow")
    __iand__ = augmented("bitwise_and")
    __ior__ = augmented("bitwise_or")
    __ixor__ = augmented("bitwise_xor")
    __ilshift__ = augmented("left_shift")
    __irshift__ = augmented("right_shift")

    alias: Any  # what it shares with other handles (`writing.Alias`)

    def held(self) -> Any:
        """The value, or the handle of a lower level, that this handle stands for."""
        raise NotImplementedError

    def example(self) -> Any:
        """What it holds, of a batch the first row."""
        return self.held()

    def hold(self, value: Any) -> None:
        """Stand for the same value, in another place."""
        raise NotImplementedError

    def become(self, new: Any) -> None:
        """Stand for another value of the same shape and dtype from now on."""
        raise NotImplementedError

    def sample(self) -> Any:
        """What stands for it where a program that reads it computes examples."""
        return self

    def outside(self, since: int) -> Any:
        """What a function that is traced gives to the transform, having begun at a serial number:
        all but tensors that record are that themselves."""
        return self

    def twin(self) -> Any:
        """A handle of its own for the same value."""
        raise NotImplementedError

    def __neg__(self) -> Any:
        return op.neg(self)

    def __pos__(self) -> Any:
        return self.twin()

    def __abs__(self) -> Any:
        return op.abs(self)

    def __invert__(self) -> Any:
        return op.invert(self)

    def __round__(self, digits: int | None = None) -> Any:
        return functions[np.round](self, digits or 0)

    def __floor__(self) -> Any:
        return op.floor(self)

    def __ceil__(self) -> Any:
        return op.ceil(self)

    def __trunc__(self) -> Any:
        return op.trunc(self)

    # -------------------------------------------------------------------------------------- methods

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """As `ndarray.reshape`."""
        new = shape[0] if len(shape) == 1 else shape
        return functions[np.reshape](self, new, order=order, copy=copy)

    def transpose(self, *axes: Any) -> Any:
        """As `ndarray.transpose`."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            return functions[np.transpose](self, axes[0])
        return functions[np.transpose](self, axes or None)

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: str = "unsafe",
        subok: bool = True,
        copy: bool = True,
    ) -> Any:
        """As `ndarray.astype`."""
        if casting != "unsafe" and not np.can_cast(self.dtype, dtype, casting):  # type: ignore
            np.empty(0, self.dtype).astype(dtype, casting=casting)  # type: ignore  # its error
        found = functions["astype"](self, dtype)
        if found is self:
            return duplicate(self, order) if copy else found
        return functions["in order"](found, order) if order in ("C", "F") else found

    def copy(self, order: str = "C") -> Any:
        """As `ndarray.copy`."""
        if not is_tracing() and all_outside(self):  # another thread has met a handle
            return as_arrays(self).copy(order)
        return duplicate(self, order)

    def view(self, *args: Any, **kwargs: Any) -> Any:
        """As `ndarray.view`; to another dtype refused: bits have no derivative."""
        if type(self) is RecordingTensor and self.is_over():
            return np.array(self.value).view(*args, **kwargs)
        if all(x is np.ndarray or x == self.dtype for x in (*args, *kwargs.values())):
            return self[...]
        raise unsupported("ndarray.view to another dtype")

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """As `ndarray.compress`."""
        return functions[np.compress](condition, self, axis, out)

    def conj(self) -> Any:
        """As `ndarray.conj`."""
        return op.conj(self) if self.dtype.kind == "c" else self

    conjugate = conj

    def __copy__(self) -> Any:
        return self.copy() if not is_tracing() and all_outside(self) else self.twin()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    def __reduce__(self) -> Any:
        if all_outside(self):
            return as_arrays(self).__reduce__()
        raise TracingError(
            message(
                "a traced value cannot be pickled", instead="pickle the result of the whole call"
            )
        )


def is_one_value() -> bool:
    """Whether a traced value is one, that of this call: no batch, and no example of a program."""
    return context.program is None and not context.batches


def sound(truth: Any) -> bool:
    """The answer of all rows, and of all calls of a program (a guard)."""
    return bool(truth.concrete("sound") if isinstance(truth, Tensor) else truth)


def method(name: str, function: Callable) -> Callable:
    """An ndarray method that is the NumPy function of the same meaning."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return functions[function](self, *args, **kwargs)

    call.__name__, call.__qualname__ = name, f"Tensor.{name}"
    call.__doc__ = f"As `ndarray.{name}`."
    return call


for name in (
    "all any argmax argmin argpartition argsort choose clip cumprod cumsum diagonal dot "
    "flatten max mean min nonzero prod ptp ravel repeat round searchsorted squeeze std sum "
    "swapaxes take trace var"
).split():
    if name == "flatten":
        setattr(Tensor, name, lambda self, order="C": duplicate(functions[np.ravel](self, order)))
    else:
        setattr(Tensor, name, method(name, getattr(np, name)))


def writing(name: str) -> Callable:
    """An ndarray method that writes into the array."""

    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        functions[f"method {name}"](self, *args, **kwargs)

    call.__name__, call.__qualname__ = name, f"Tensor.{name}"
    call.__doc__ = f"As `ndarray.{name}`."
    return call


for name in ("fill", "partition", "put", "sort"):
    setattr(Tensor, name, writing(name))


# ---------------------------------------------------------------------------------------- recording


class RecordingTensor(Tensor):
    """A tensor whose operations are recorded as nodes, for derivatives and for `jit`."""

    __slots__ = ("alias", "level", "node", "pending", "program", "source", "value")

    def __init__(self, node: Node, value: Any, level: int, program: Any = None) -> None:
        self.alias = None
        self.pending = None  # elements written, by place, that are not in the value yet
        self.source: Any = None  # the array from outside that it stands for, if any
        self.node = node
        self.value = value
        self.level = level
        self.program = program  # the program that recorded it, if `jit` did

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.node.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        if self.source is not None or (self.alias is not None and self.alias.base is not None):
            raise unsupported("setting the shape of a view, or of an array from outside,")
        found = functions[np.reshape](self, shape)
        self.flush()
        self.node, self.value = found.node, found.value
        if self.alias is not None:
            self.alias = None

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return self.node.dtype

    @property
    def weak(self) -> bool:  # type: ignore[override]
        return self.node.weak

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.source is not None and context.program is None and all_outside((key, value)):
            self.source[as_arrays(key)] = as_arrays(value)  # all who share the array see it
        else:
            functions["setitem"](self, key, value)

    def flush(self) -> None:
        if self.pending is not None:
            functions["flush"](self)

    def held(self) -> Any:
        self.flush()
        return self.value

    example = held

    def known(self) -> Any:
        return self.held() if context.program is None else self

    def hold(self, value: Any) -> None:
        self.value = value

    def become(self, new: Any) -> None:
        new = settled_writes(new)
        self.pending = None
        if type(new) is RecordingTensor and new.program is not self.program and all_outside(new):
            new = new.value
        if type(new) is RecordingTensor and new.level == self.level:
            if new.program is not self.program:
                raise from_inside(self) if new.program is None else new.program.unseen(self.value)
            self.node, self.value = new.node, new.value
            return
        if isinstance(new, Traced) and new.level > self.level:
            raise from_inside(self)
        self.node = constant(new) if self.program is None else self.program.node_of(new)
        self.value = new

    def twin(self) -> Any:
        self.flush()
        program, level = context.program, recording_level()
        if self.program is None and program is not None and program.level == level:
            if self.node.root == NEVER:  # an array from outside, copied inside
                return RecordingTensor(program.node_of(self.value), self.value, level, program)
        elif self.node.root == NEVER and program is None and is_exposed(self):
            value = np.array(self.value)
            return RecordingTensor(constant(value), value, level)
        elif self.node.root == NEVER and self.level < level:
            return RecordingTensor(self.node, self.value, level)
        return RecordingTensor(self.node, self.value, self.level, self.program)

    def __getattr__(self, name: str) -> Any:
        """What only an array has (`ctypes`, `data`), where this is no more than one."""
        if not name.startswith("__") and self.is_over():
            return getattr(np.asarray(self.value), name)
        raise AttributeError(f"a traced value has no attribute {name!r}")

    def is_over(self) -> bool:
        """Whether every differentiation has ended, or it depends on none: the tensor is then no
        more than its value."""
        self.flush()
        root, program = self.node.root, self.program
        if isinstance(self.value, Traced):
            return False
        if root == NEVER:
            return program is None or self.node not in program.unknown
        return program is None and self.level == 1 and root < oldest[0]

    def concrete(self, what: str) -> Any:
        if self.program is not None and not self.is_over():
            return self.program.answer(self, what)
        value = self.value
        return value.concrete(what) if isinstance(value, Tensor) else value

    def shown(self) -> Any:
        self.flush()
        value = self.value
        if self.program is not None and self.node in self.program.unknown:
            return NotComputed(self)
        return value.shown() if isinstance(value, Tensor) else value

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Evaluate the operation on the values, and record it where a derivative or a program needs
        it."""
        level = self.level
        program = context.program
        if level > context.level:
            refuse_leaked(inputs)
        values: list[Any] = []
        nodes: list[Any] = []
        root, since = NEVER, oldest[0]
        recorded = program is not None and program.level == level
        for x in inputs:
            if type(x) is RecordingTensor and x.level == level:
                node = x.node
                if x.program is not program:
                    refuse_leaked((x,))
                values.append(x.value)
                if node.root < since:  # its trace has ended: a value
                    nodes.append(None)
                    continue
                nodes.append(node)
                if node.root < root:
                    root = node.root
            else:
                if isinstance(x, np.ndarray):
                    if type(x) is not np.ndarray or x.dtype.kind not in "biufc":
                        x = numeric(x)
                values.append(x.sample() if recorded and isinstance(x, Tensor) else x)
                nodes.append(None)
        unknown = recorded and program.is_unknown(inputs, values)
        if unknown:
            output = unevaluated(primitive, values, parameters)
        else:
            output = apply(primitive, tuple(values), parameters)
        if recorded:
            nodes = [program.node_of(x) for x in inputs]
            root = min([n.root for n in nodes])
        elif root == NEVER:
            if type(output) is not np.ndarray or not any(n is not None for n in nodes):
                return output
            made = local(output, "iufc" if program is None else "fc")
            if primitive in VIEWS:
                link(inputs[0], made, primitive, parameters)
            return made
        elif type(primitive.derivative) is Zero:
            return output
        else:
            for i, n in enumerate(nodes if program is None else ()):  # what may change is copied
                if n is not None and n.root == NEVER and is_exposed(inputs[i]):
                    nodes[i] = None
            program = None
        result = record(primitive, nodes, values, output, parameters, root, level, program)
        if unknown:
            program.unknown.update(
                [x.node for x in (result if type(result) is tuple else (result,))]
            )
        if context.forward is not None:
            context.forward.advance(result)
        if primitive in VIEWS:
            link(inputs[0], result, primitive, parameters)
        return result


def local(value: Any, kinds: str = "fc") -> Any:
    """An array that is made while a trace runs, as a handle: traced values can be written into it.

    Arrays of integers and booleans, of which nothing depends on traced values, stay plain."""
    if type(value) is not np.ndarray or value.dtype.kind not in kinds or not value.ndim:
        if context.program is not None and isinstance(value, np.ndarray):
            context.program.counts[id(value)] = weakref.ref(value)
        return value
    if not is_tracing():  # another thread has met a handle
        return value
    level, program = recording_level(), context.program
    owner = program if program is not None and program.level == level else None
    if owner is not None and value.size and not any(value.strides):
        node = op.broadcast_to(constant(value[(0,) * value.ndim]), shape=value.shape)
    else:
        node = constant(value)
        if owner is not None:
            owner.made[id(value)] = node
    return RecordingTensor(node, value, level, owner)


VIEWING: set[str] = set()  # NumPy's functions that give views; `numpy.register` fills it


def all_outside(x: Any) -> bool:
    """Whether all handles among arguments are arrays from outside, no more than that."""
    if type(x) is RecordingTensor:
        x.flush()
        return x.program is None and x.node.root == NEVER and type(x.value) is np.ndarray
    if isinstance(x, (tuple, list)):
        return all(map(all_outside, x))
    if type(x) is dict:
        return all(map(all_outside, x.values()))
    return not isinstance(x, Traced)


def as_arrays(x: Any) -> Any:
    """Arguments with the arrays in place of their handles."""
    if type(x) is RecordingTensor:
        return x.held()
    if type(x) in (tuple, list):
        return type(x)([as_arrays(y) for y in x])
    return {k: as_arrays(y) for k, y in x.items()} if type(x) is dict else x


def on_arrays(function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """NumPy's own answer for arrays from outside; arrays in it are as if made inside."""
    found = function(*as_arrays(args), **as_arrays(kwargs))
    return tuple(map(local, found)) if type(found) is tuple else local(found)


def is_tracing() -> bool:
    """Whether a traced function is running in this thread."""
    if context.is_plain:
        return False
    return bool(context.program is not None or context.differentiations or context.batches)


def refuse_leaked(inputs: tuple) -> None:
    """Raise for a traced value that outlived the trace that knows what it is."""
    for x in inputs:
        if type(x) is not RecordingTensor or all_outside(x):
            continue
        lost = x.program is not None and (x.program.ended or context.program is None)
        if lost or x.level > context.level:
            raise outlived("jit" if lost else "vmap", x.node.position)


def settled(x: Any) -> Any:
    """A value that is left over from a differentiation that has ended, as the number or array that
    it is; anything else itself.

    One that is left over from `jit` or `vmap` has no number, and is refused.
    """
    while type(x) is RecordingTensor:
        x.flush()
        if all_outside(x):
            return x.value
        if x.program is not context.program or x.level > context.level:
            refuse_leaked((x,))
        if x.program is not None or oldest[0] <= x.node.root < NEVER:
            break
        x = x.value
    if isinstance(x, Tensor):
        x.check()
    return x


def settled_writes(x: Any) -> Any:
    """A value with all that was written into it."""
    if isinstance(x, Traced):
        x.flush()
    return x


def formed(x: Any, as_array: bool) -> Any:
    """A value without axes as an array without axes, or as a number: also behind a handle."""
    if type(x) is RecordingTensor:
        x.flush()
        if x.node.shape or x.node.weak:
            return x
        value = formed(x.value, as_array)
        return x if value is x.value else RecordingTensor(x.node, value, x.level, x.program)
    if not as_array and type(x) is np.ndarray and not x.shape:
        return x[()]
    return np.array(x) if as_array and isinstance(x, np.generic) else x


def is_alive(x: Any) -> bool:
    """Whether a traced value belongs to a trace that is still running."""
    try:
        return settled(x) is x
    except TracingError:
        return False


def record(
    primitive: Primitive,
    nodes: list[Any],
    values: list[Any],
    output: Any,
    parameters: dict[str, Any],
    root: int,
    level: int,
    program: Any,
) -> Any:
    """The node of an evaluated operation with what its derivative reads, and the tensor of its
    output."""
    count = len(nodes)
    derivative = primitive.derivative
    complex_form = type(derivative) is ByDomain and any(
        type_of(v).dtype.kind == "c" for v in values
    )
    needs = primitive.needs(count, complex_form)
    need = 0
    for i, node in enumerate(nodes):
        if node is not None:
            need |= needs[i]
    for i, node in enumerate(nodes):
        if need >> i & 1:
            if node is None:
                nodes[i] = protect(values[i])
            else:
                node.value = values[i]
        elif node is None:
            nodes[i] = FLOAT if type(values[i]) is float else type_of(values[i])
    kind = type(output)
    if kind is np.ndarray:
        node = Node(primitive, tuple(nodes), parameters, output.shape, output.dtype)
    elif kind is tuple:
        keep = bool(need >> count & 1)
        return record_several(primitive, nodes, output, parameters, root, level, program, keep)
    else:
        t = type_of(output)
        node = Node(primitive, tuple(nodes), parameters, t.shape, t.dtype, t.weak)
    follows = None if program is None else program.follows
    if follows is not None:  # a derivative stands where the operation stands
        node.code, node.offset = follows.code, follows.offset
    else:
        frame = user_frame(3)
        if frame is not None:
            node.code, node.offset = frame.f_code, frame.f_lasti
    node.root = root
    if need >> count & 1:
        node.value = output
    return RecordingTensor(node, output, level, program)


def record_several(
    primitive: Primitive,
    nodes: list,
    outputs: tuple,
    parameters: dict,
    root: int,
    level: int,
    program: Any,
    keep: bool,
) -> tuple:
    """The same for an operation with several outputs: each is an `item` of its node."""
    types = tuple(type_of(x) for x in outputs)
    node = Node(primitive, tuple(nodes), parameters, None, types, False, user_position(4), root)
    if keep:
        node.value = outputs
    item = op.registry["item"]
    found: list[Any] = []
    for i, (x, t) in enumerate(zip(outputs, types, strict=True)):
        if t.dtype.kind in "fc" or program is not None:
            part = Node(item, (node,), {"index": i}, t.shape, t.dtype, t.weak, node.position, root)
            found.append(RecordingTensor(part, x, level, program))
        else:
            found.append(x)
    return tuple(found)


def plain_value(x: Any) -> Any:
    """The number or array behind any handle (row 0 of a batch): for printing and examples only."""
    while isinstance(x, Tensor):
        x = x.example()
    return x
