"""Programs in LLVM IR, and a small front that builds records from examples, to test entries with.

`COPIES` copies inputs to outputs: its slots are a count k, k inputs, k outputs, k sizes in bytes.
"""

import ctypes
from functools import lru_cache

import numpy as np

from adjoint.codegen.compile import compile_object
from adjoint.codegen.targets import host
from adjoint.runtime import cpu
from adjoint.runtime.entry import (
    Array,
    Captured,
    Items,
    Number,
    Record,
    Static,
    make_entry,
)

TEXT = """
define void @move(ptr %to, ptr %from, i64 %n) alwaysinline {
  br label %check
check:
  %k = phi i64 [ 0, %0 ], [ %k1, %body ]
  %left = icmp ult i64 %k, %n
  br i1 %left, label %body, label %done
body:
  %a = getelementptr i8, ptr %from, i64 %k
  %b = getelementptr i8, ptr %to, i64 %k
  %v = load i8, ptr %a
  store i8 %v, ptr %b
  %k1 = add i64 %k, 1
  br label %check
done:
  ret void
}
define i64 @copies(ptr %slots) {
  %k = load i64, ptr %slots
  br label %check
check:
  %i = phi i64 [ 0, %0 ], [ %i1, %body ]
  %left = icmp ult i64 %i, %k
  %i1 = add i64 %i, 1
  br i1 %left, label %body, label %done
body:
  %o = add i64 %i1, %k
  %s = add i64 %o, %k
  %ia = getelementptr i64, ptr %slots, i64 %i1
  %oa = getelementptr i64, ptr %slots, i64 %o
  %sa = getelementptr i64, ptr %slots, i64 %s
  %from = load ptr, ptr %ia
  %to = load ptr, ptr %oa
  %size = load i64, ptr %sa
  call void @move(ptr %to, ptr %from, i64 %size)
  br label %check
done:
  ret i64 0
}
define i64 @status(ptr %slots) {
  %at = load ptr, ptr %slots
  %x = load double, ptr %at
  %n = fptosi double %x to i64
  ret i64 %n
}
define i64 @workspace(ptr %slots) {  ; in, out, workspace, callback or null
  %in = load ptr, ptr %slots
  %oa = getelementptr i64, ptr %slots, i64 1
  %out = load ptr, ptr %oa
  %wa = getelementptr i64, ptr %slots, i64 2
  %work = load ptr, ptr %wa
  %ca = getelementptr i64, ptr %slots, i64 3
  %callback = load ptr, ptr %ca
  %x = load double, ptr %in
  store double %x, ptr %work
  %end = getelementptr i8, ptr %work, i64 992
  store double %x, ptr %end
  %none = icmp eq ptr %callback, null
  br i1 %none, label %read, label %call
call:
  call void %callback(double %x)
  br label %read
read:
  %a = load double, ptr %work
  %b = load double, ptr %end
  %sum = fadd double %a, %b
  %number = ptrtoint ptr %work to i64
  %low = and i64 %number, 63
  %crooked = icmp ne i64 %low, 0
  %bad = uitofp i1 %crooked to double
  %result = fadd double %sum, %bad
  store double %result, ptr %out
  ret i64 0
}
define i64 @wait(ptr %slots) {  ; in, out, flag, started: waits for the flag, then copies 8 bytes
  %in = load ptr, ptr %slots
  %oa = getelementptr i64, ptr %slots, i64 1
  %out = load ptr, ptr %oa
  %fa = getelementptr i64, ptr %slots, i64 2
  %flag = load ptr, ptr %fa
  %sa = getelementptr i64, ptr %slots, i64 3
  %started = load ptr, ptr %sa
  store atomic i64 1, ptr %started seq_cst, align 8
  br label %loop
loop:
  %v = load atomic i64, ptr %flag seq_cst, align 8
  %off = icmp eq i64 %v, 0
  br i1 %off, label %loop, label %go
go:
  %x = load double, ptr %in
  store double %x, ptr %out
  ret i64 0
}
"""
PYTHON_SIZES = {float: 8, complex: 16, int: 8, bool: 1}


@lru_cache(maxsize=1)
def programs():
    target = host()
    return cpu.load(compile_object(f'target triple = "{target.triple}"\n{TEXT}', target), {})


def cells(*numbers):
    """A template of slots."""
    return np.array(numbers, np.int64).tobytes()


def no_recovery(status, token, *args, **kwargs):
    raise AssertionError(f"status {status}")


def entry_of(kind, fallback, *records, **attributes):
    """An entry of kind "native" or "python"."""
    entry = make_entry(fallback, native=kind == "native", **attributes)
    entry.records = records
    return entry


def missed(*args, **kwargs):
    """A fallback that tells that it was called."""
    return Missed((args, kwargs))


class Missed(tuple):
    pass


def size_of(leaf):
    if isinstance(leaf, Array):
        return int(np.dtype(leaf.dtype).itemsize * np.prod(leaf.shape, dtype=int))
    return PYTHON_SIZES.get(leaf.kind) or np.dtype(leaf.kind).itemsize


def numbered(node, slots):
    """A description of a value, its leaves numbered by an iterator."""
    if type(node) is tuple:
        return tuple([numbered(x, slots) for x in node])
    if isinstance(node, tuple):
        return Items(type(node), tuple([numbered(x, slots) for x in node]))
    if type(node) is list:
        return [numbered(x, slots) for x in node]
    if type(node) is dict:
        return {k: numbered(x, slots) for k, x in node.items()}
    if type(node) is np.ndarray:
        return Array(node.dtype, node.shape, next(slots))
    if type(node) in (float, complex) or isinstance(node, np.generic):
        return Number(type(node), next(slots))
    return Static(node)


def moving(node):
    """The leaves with slots, in order."""
    if isinstance(node, Items):
        node = node.items
    if isinstance(node, dict):
        node = tuple(node.values())
    if isinstance(node, tuple | list):
        return [leaf for x in node for leaf in moving(x)]
    return [] if isinstance(node, Static) else [node]


def identity(*args, watched=(), captured=(), recover=no_recovery, **kwargs):
    """A record whose program gives back its arguments: a tuple of the positional ones (those
    captured after them), then the dictionary of keywords."""
    example = (*args, *captured), kwargs
    k = len(moving(numbered(example, iter(range(10**6)))))
    arguments, keywords = numbered((args, kwargs), slots := iter(range(1, k + 1)))
    hidden = [Captured(array, slot) for array, slot in zip(captured, slots, strict=True)]
    result = numbered(example, iter(range(k + 1, 2 * k + 1)))
    return Record(
        arguments=arguments,
        keywords=keywords,
        watched=(*watched, *hidden),
        result=result,
        program=programs().address("copies"),
        template=cells(k, *[0] * (2 * k), *map(size_of, moving(result))),
        recover=recover,
        keep=programs(),
    )


def alike(a, b):
    """Whether two values are of the same types, structure and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, float | complex | np.generic):
        return np.asarray(a).tobytes() == np.asarray(b).tobytes()
    return a is b or a == b


def address(function, *arguments):
    """A ctypes callback's address and what keeps it."""
    callback = ctypes.PYFUNCTYPE(None, *arguments)(function)
    return ctypes.cast(callback, ctypes.c_void_p).value, callback
