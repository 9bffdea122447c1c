"""What the native call path takes for granted about CPython and NumPy, and the test of it.

Enters: nothing.  Leaves: `problem()`, a text where something is not as expected (or None), and
`addresses()`, the table of functions and types that the machine code reads.

Field offsets are those of `PyFloatObject`, `PyTupleObject`, `PyArrayObject_fields`, ... in the
public headers of CPython 3.11 to 3.13 and NumPy 2, 64-bit, with the GIL.  Each is compared once in
a process with objects of known content, so a build with another layout takes the Python path.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

VERSIONS = ((3, 11), (3, 14))  # from, below: counts of references are laid out alike there

# Byte offsets inside objects.
REFERENCES, TYPE = 0, 8  # PyObject
SIZE, ITEMS = 16, 24  # PyVarObject's length; PyTupleObject's items, PyListObject's pointer to them
VALUE = 16  # PyFloatObject, PyComplexObject: the number; PyCellObject: the content
USED, VERSION = 16, 24  # PyDictObject: number of keys, version of the content
DATA, AXES, SHAPE, DESCRIPTOR, FLAGS = 16, 24, 32, 56, 64  # PyArrayObject_fields
BYTE_ORDER, TYPE_NUMBER = 26, 28  # PyArray_Descr
WANTED_FLAGS = 0x101  # C-contiguous and aligned

SCALARS: dict[type, int] = {}  # exact types of numbers, and where the value lies inside them
NUMPY_TABLE = {"PyArray_NewCopy": 85, "PyArray_NewFromDescr": 94, "PyArray_Scalar": 60}
PYTHON_FUNCTIONS = tuple(
    "PyObject_Vectorcall PyMem_RawMalloc PyMem_RawFree _Py_Dealloc PyErr_NoMemory PyErr_Clear"
    " PyErr_Occurred PyErr_SetString PyEval_SaveThread PyEval_RestoreThread PyDict_Next PyDict_New"
    " PyDict_SetItem PyDict_GetItemWithError PyObject_RichCompareBool PyTuple_New PyList_New"
    " PyFloat_FromDouble PyLong_FromLongLong PyComplex_FromDoubles PyBool_FromLong"
    " PyObject_CallObject PyMethod_New PyType_GenericAlloc PyObject_GC_UnTrack PyObject_GC_Del"
    " PyObject_ClearWeakRefs"
    .split()
)  # fmt: skip
OBJECTS: dict[str, Any] = {
    "None": None,
    "float": float,
    "complex": complex,
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "str": str,
    "ndarray": np.ndarray,
    "RuntimeError": RuntimeError,
}
NAMES = (*PYTHON_FUNCTIONS, *NUMPY_TABLE, *OBJECTS)


class Table(NamedTuple):
    """Functions and objects by name, and the same as an array that machine code reads."""

    names: dict[str, int]
    cells: np.ndarray

    @property
    def address(self) -> int:
        return address_of(self.cells)


def address_of(array: np.ndarray) -> int:
    """The address of an array's data."""
    return array.__array_interface__["data"][0]


def word(address: int) -> int:
    """The 64-bit integer at an address."""
    return ctypes.c_int64.from_address(address).value


def half(address: int) -> int:
    """The 32-bit integer at an address."""
    return ctypes.c_int32.from_address(address).value


@lru_cache(maxsize=1)
def addresses() -> Table:
    """The table, filled.  Raises `LookupError` or `AttributeError` where something is absent."""
    names: dict[str, int] = {}
    for name in PYTHON_FUNCTIONS:
        function = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
        if not function:
            raise LookupError(name)
        names[name] = function
    table = numpy_table()
    for name, index in NUMPY_TABLE.items():
        names[name] = word(table + 8 * index)
    names.update((name, id(value)) for name, value in OBJECTS.items())
    return Table(names, np.array([names[name] for name in NAMES], np.int64))


def numpy_table() -> int:
    """The address of NumPy's table of C functions."""
    capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    read = ctypes.pythonapi.PyCapsule_GetPointer
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    address = prototype(ctypes.cast(read, ctypes.c_void_p).value or 0)(capsule, None)
    if not address:
        raise LookupError("NumPy's table of C functions")
    return address


@lru_cache(maxsize=1)
def problem() -> str | None:
    """Why machine code may not touch this interpreter's objects, or None where it may."""
    if (reason := unknown_build()) is not None:
        return reason
    try:
        addresses()
    except (LookupError, AttributeError, ValueError) as error:
        return f"a function is absent: {error}"
    for check in CHECKS:
        if not check():
            return f"another layout than known: {check.__name__}"
    return None


def unknown_build() -> str | None:
    """Whether the interpreter is of a kind whose memory must not even be looked at."""
    if sys.implementation.name != "cpython":
        return f"the interpreter is {sys.implementation.name}"
    if not VERSIONS[0] <= sys.version_info[:2] < VERSIONS[1]:
        return f"Python {sys.version_info[0]}.{sys.version_info[1]} is not known"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "Python is built without the GIL"
    if hasattr(sys, "gettotalrefcount") or hasattr(sys, "getobjects"):
        return "Python is built for debugging"
    if struct.calcsize("P") != 8 or sys.byteorder != "little":
        return "the machine is not 64-bit little-endian"
    if int(np.__version__.split(".")[0]) != 2:
        return f"NumPy {np.__version__} is not known"
    return None


# -------------------------------------------------------------------------------- checks of layouts


def references() -> bool:
    """Counts of references, and an object's type."""
    value: list = []
    before = word(id(value) + REFERENCES)
    more = [value, value, value]
    return (
        before == sys.getrefcount(value) - 1 - len(more)
        and word(id(value) + REFERENCES) == before + 3
        and word(id(value) + TYPE) == id(list)
        and half(id(more) + SIZE) == 3
    )


def immortal() -> bool:
    """From Python 3.12 on an immortal object's count has its 32nd bit set, and nothing else."""
    low = word(id(None)) & 0xFFFFFFFF
    return (low == 0xFFFFFFFF) if sys.version_info >= (3, 12) else 0 < low < 1 << 31


def numbers() -> bool:
    """Floats and complex numbers of Python, and every scalar type of NumPy."""
    found: dict[type, int] = {}
    kinds: tuple[Any, ...] = (float, complex, *NUMPY_SCALARS)
    for kind in kinds:
        dtype = np.dtype(kind)
        raw = bytes(range(1, 1 + dtype.itemsize)) if dtype.kind != "b" else b"\1"
        value = np.frombuffer(raw, dtype)[0]
        value = kind(value) if kind in (float, complex) else value
        if type(value) is not kind:
            return False
        for offset in (16, 32):
            if ctypes.string_at(id(value) + offset, dtype.itemsize) == raw:
                found[kind] = offset
                break
        else:
            return False
    SCALARS.update(found)
    return found[float] == found[complex] == VALUE


def containers() -> bool:
    """Items of tuples, lists and dictionaries; the content of a closure's cell."""
    first, second = object(), object()
    pair, row, table = (first, second), [first, second], {"a": first, "b": second}
    inside = lambda: first
    assert inside.__closure__ is not None
    return (
        word(id(pair) + SIZE) == word(id(row) + SIZE) == word(id(table) + USED) == 2
        and [word(id(pair) + ITEMS + 8 * k) for k in range(2)] == [id(first), id(second)]
        and [word(word(id(row) + ITEMS) + 8 * k) for k in range(2)] == [id(first), id(second)]
        and word(id(inside.__closure__[0]) + VALUE) == id(first)
    )


def arrays() -> bool:
    """The fields of an array and of its data type."""
    base = np.zeros((3, 4, 5))
    for array in (
        base,
        base[:, ::2],
        np.zeros((), np.float32),
        np.zeros(4, np.int16).astype(">i2"),
        np.frombuffer(bytes(17), np.uint8, 16, 1).view(np.float64),
    ):
        where, dtype = id(array), array.dtype
        flags = half(where + FLAGS)
        aligned_too = array.flags.c_contiguous and array.flags.aligned
        shape = tuple(word(word(where + SHAPE) + 8 * k) for k in range(array.ndim))
        if not (
            word(where + DATA) == address_of(array)
            and half(where + AXES) == array.ndim
            and shape == array.shape
            and word(where + DESCRIPTOR) == id(dtype)
            and ((flags & WANTED_FLAGS) == WANTED_FLAGS) == aligned_too
            and bool(flags & 1) == array.flags.c_contiguous
            and half(id(dtype) + TYPE_NUMBER) == dtype.num
            and ctypes.string_at(id(dtype) + BYTE_ORDER, 1) == dtype.byteorder.encode()
        ):
            return False
    return True


def numpy_functions() -> bool:
    """The entries of NumPy's table that are used."""
    table, names = numpy_table(), addresses().names
    if word(table + 8 * 2) != id(np.ndarray):
        return False
    scalar = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
    )(names["PyArray_Scalar"])
    value = np.array([1.5, 2.5], np.float32)
    found = scalar(address_of(value) + 4, value.dtype, None)
    copy = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_int)(
        names["PyArray_NewCopy"]
    )(value[::-1], 0)
    same = type(copy) is np.ndarray and copy.flags.c_contiguous and copy.tolist() == [2.5, 1.5]
    if not (type(found) is np.float32 and found == 2.5 and same):
        return False
    dtype, shape = np.dtype(np.int16), np.array([2, 3], np.int64)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dtype))  # the next call takes one reference
    made = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
    )(names["PyArray_NewFromDescr"])(
        id(np.ndarray), id(dtype), 2, address_of(shape), None, None, 0, None
    )  # fmt: skip
    return type(made) is np.ndarray and made.dtype is dtype and made.shape == (2, 3)


NUMPY_SCALARS = tuple(
    np.dtype(code).type for code in "?bBhHiIlLqQefdFD" if np.dtype(code).type is not None
)
CHECKS: tuple[Callable[[], bool], ...] = (
    references, immortal, numbers, containers, arrays, numpy_functions,
)  # fmt: skip


@lru_cache(maxsize=1)
def versions_work() -> bool:
    """Whether a dictionary's version changes with every kind of change, and never otherwise.

    Python 3.11 to 3.13 keep it; where it is absent, each watched name is looked up instead.
    """
    space: dict[str, Any] = {"a": 1, "b": 2, "__builtins__": {}}
    seen = [word(id(space) + VERSION)]
    changes: tuple[Callable[[], Any], ...] = (
        lambda: space.__setitem__("a", 2),
        lambda: space.__setitem__("c", 3),
        lambda: space.__delitem__("c"),
        lambda: space.update(a=5),
        lambda: space.setdefault("d", 4),
        lambda: space.pop("d"),
        lambda: space.__ior__({"b": 7}),
        lambda: exec("global a\na = 6", space),
        lambda: exec("del a", space),
        lambda: space.popitem(),
        lambda: space.clear(),
        lambda: space.update(x=1),
    )
    for change in changes:
        change()
        seen.append(word(id(space) + VERSION))
        space.get("a"), list(space), len(space), "a" in space
        if word(id(space) + VERSION) != seen[-1]:
            return False
    other = {"a": 1}
    return len({*seen, word(id(other) + VERSION)}) == len(seen) + 1 and 0 not in seen
