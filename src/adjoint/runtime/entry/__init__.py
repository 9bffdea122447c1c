"""The native call path: what `jit` returns, and how a call finds its program.

Enters: a fallback, and records of compiled programs.  Leaves: an *entry*, a callable which compares
its arguments with its records in machine code and calls the program of the first that fits; any
other call goes to the fallback, with the same arguments.

    entry = make_entry(fallback, Methods, __name__="f", __wrapped__=f, ...)
    entry.records = [Record(...), ...]     # replaced by one store; running calls keep theirs
    entry.records                          # a tuple, the one that was used last first
    entry.prepend(record, limit=256)       # the newest first, at most `limit` of them
    entry.discard(record); entry.clear()
    entry.fallback

`Methods` is a class that derives from `Entry`, with `__slots__ = ()`: its methods are the entry's
(`__repr__` too), and `isinstance(entry, Methods)` holds.  The keyword arguments of `make_entry` go
into `entry.__dict__`: `functools`, `inspect` and `pickle` see the function that they describe.
`pickle` (by `__qualname__` and `__module__`) and `copy` treat an entry like a function.  Entries
bind as methods, have weak references, and take part in garbage collection.

A `Record` says what each argument must be, by a description:

    Number(kind, slot)           a Python float or complex, or a NumPy scalar, of this exact type
    Array(dtype, shape, slot)    an ndarray (no subclass) of this type and shape, native byte order;
                                 one that is not C-contiguous and aligned is copied for the call
    Static(value)                numbers, strings, bytes and tuples of them: equal and of the same
                                 types (floats by their bits); anything else: the same object
    (a, b), [a, b], {"k": a}     exact containers; of a dictionary the order of the keys counts, and
                                 keys that are no strings are compared by identity
    Items(kind, (a, b))          an exact subclass of tuple

The same kinds describe the result, where the program writes what slots point to: `Number` (int and
bool as well), a fresh `Array`, `Static` for a fixed object, and `Items` for `kind(*items)`.  A call
that gives keywords in another order than the record's, or other names, does not fit.

What is `watched` must hold too: `Global(space, name, value)` and `Cell(cell, value)` by identity
(where value is None, the name may be absent, the cell empty), and `Captured(array, slot)`: this
array still has the data type and shape that it had when the record was made; its address is read
at each call.  All names of one dictionary cost one comparison while the dictionary is unchanged.

A program is called as the call convention says: `i64 program(ptr slots)`.  The slots are a copy of
the record's template, those named in the description filled in.  A program that gives another
number than 0 leads to `recover(status, token, *args, **kwargs)`, whose result or exception is the
call's; where `recover` is None, to the next record that fits, then to the fallback.  With
`release_gil` other threads run Python meanwhile; arrays and numbers that come inside lists and
dictionaries are held, so nothing goes away.  Each record has one workspace; a call that finds it in
use allocates another.

`native_type(Methods)` is the C-level type, or None where `why_not_native()` says why not (a build
without the GIL, a version or a layout that is not known, no right to new machine code).  Entries
are then instances of `PythonEntry`, which does the same in Python; `make_entry(...,
native=False)` asks for it.

`object_bytes()` gives the machine code, `load_from(data)` loads such bytes.  The first native entry
of a process takes them from the disk cache by itself.
"""

from .code import load_from, object_bytes
from .native import Entry, PythonEntry, make_entry, native_type, why_not_native
from .record import MISS, Array, Captured, Cell, Global, Items, Number, Record, Static

__all__ = [
    "Entry", "PythonEntry", "make_entry", "native_type", "why_not_native",
    "Record", "Number", "Array", "Static", "Items", "Global", "Cell", "Captured", "MISS",
    "load_from", "object_bytes",
]  # fmt: skip
