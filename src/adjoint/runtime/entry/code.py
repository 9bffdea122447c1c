"""The machine code of the native call path: LLVM IR as text, its object bytes, its functions.

Enters: nothing (the text depends on Python's version alone).  Leaves: `functions()`, the addresses
of the slot functions of the entry type, and `object_bytes()` / `load_from(data)` for a disk cache.

The code is generic, compiled once.  `call` is the vectorcall of an entry: it walks the entry's
chain of records, and interprets each record's table, a list of 64-bit integers: first instructions
that compare (one that fails goes on to the next record), then those that allocate, run the program
and build the result.  Counts of references are kept as CPython's own C code keeps them.

    entry    references, type, vectorcall, dictionary, weak references, fallback, chain, table of
             addresses (`facts.addresses`)
    chain    owner (a tuple that keeps all records alive), count, cells of a frame, records' tables
    table    the fields of `Head`, names of keyword arguments, instructions
    frame    slots of the program, cells and registers, then owned references (zeroed, dropped at
             the end): `Head.OWNED` to `Head.OWNED_END`
"""

from __future__ import annotations

import ctypes
import re
import sys
from functools import lru_cache

from ...codegen.compile import compile_object
from ...codegen.targets import host
from .. import cache, cpu
from . import facts
from .instructions import BLOCKS, Head, Op

CELLS = 128  # a frame up to this size lies on the stack
VECTORCALL, DICTIONARY, WEAK, FALLBACK, CHAIN, API, ENTRY_BYTES = 16, 24, 32, 40, 48, 56, 64
CACHE_KEY = "entry"  # the cache adds what the text depends on
CHAIN_HEAD = 3  # owner, count, cells
FUNCTIONS = "call traverse clear dealloc bind make exchange owner probe".split()


START = f"""
  %local = alloca [{CELLS} x i64], align 64
  %at = alloca ptr
  %index = alloca i64
  %unready = alloca i64
  %version = alloca i64
  %outcome = alloca i64
  %taken = alloca i64
  %extra = alloca ptr
  %result = alloca ptr
  %cursor = alloca i64
  %key = alloca ptr
  %item = alloca ptr
  %api = field ptr %self {API}
  %chain = field ptr %self {CHAIN}
  %unchained = icmp eq ptr %chain, null
  br i1 %unchained, label %fallback, label %chained
chained:
  %owner = field ptr %chain 0
  %count = field i64 %chain 8
  %cells = field i64 %chain 16
  call void @incref(ptr %owner)
  %large = icmp ugt i64 %cells, {CELLS}
  br i1 %large, label %allocate, label %ready
allocate:
  %bytes = shl i64 %cells, 3
  %allocator = api PyMem_RawMalloc
  %heap = call ptr %allocator(i64 %bytes)
  %exhausted = icmp eq ptr %heap, null
  br i1 %exhausted, label %no_frame, label %ready
no_frame:
  %complain = api PyErr_NoMemory
  %unused = call ptr %complain()
  call void @decref(ptr %owner, ptr %api)
  ret ptr null
ready:
  %frame = phi ptr [ %local, %chained ], [ %heap, %allocate ]
  %positional = and i64 %flags, 9223372036854775807
  %unnamed = icmp eq ptr %names, null
  br i1 %unnamed, label %counted, label %count_names
count_names:
  %length = field i64 %names {facts.SIZE}
  br label %counted
counted:
  %named = phi i64 [ 0, %ready ], [ %length, %count_names ]
  %total = add i64 %positional, %named
  store i64 0, ptr %index
  store i64 0, ptr %taken
  store ptr null, ptr %extra
  br label %try
try:
  %record = load i64, ptr %index
  %more = icmp ult i64 %record, %count
  br i1 %more, label %fits, label %no_record
fits:
  %place = add i64 %record, {CHAIN_HEAD}
  %entry = getelementptr i64, ptr %chain, i64 %place
  %table = load ptr, ptr %entry
  %wanted = field i64 %table {8 * Head.POSITIONAL}
  %wanted_names = field i64 %table {8 * Head.KEYWORDS}
  %as_many = icmp eq i64 %wanted, %positional
  %as_named = icmp eq i64 %wanted_names, %named
  %plausible = and i1 %as_many, %as_named
  br i1 %plausible, label %compare_names, label %other
compare_names:
  %name_at = phi i64 [ 0, %fits ], [ %name_next, %compare_name ]
  %name_left = icmp ult i64 %name_at, %named
  br i1 %name_left, label %compare_name, label %zero
compare_name:
  %name_cell = add i64 %name_at, {len(Head)}
  %name_wanted_at = getelementptr ptr, ptr %table, i64 %name_cell
  %name_wanted = load ptr, ptr %name_wanted_at
  %name_item = add i64 %name_at, {facts.ITEMS // 8}
  %name_found_at = getelementptr ptr, ptr %names, i64 %name_item
  %name_found = load ptr, ptr %name_found_at
  %name_next = add i64 %name_at, 1
  %name_same = icmp eq ptr %name_found, %name_wanted
  br i1 %name_same, label %compare_names, label %other
zero:
  %owned = field i64 %table {8 * Head.OWNED}
  %owned_end = field i64 %table {8 * Head.OWNED_END}
  br label %zeros
zeros:
  %zero_at = phi i64 [ %owned, %zero ], [ %zero_next, %put_zero ]
  %zero_left = icmp ult i64 %zero_at, %owned_end
  br i1 %zero_left, label %put_zero, label %begin
put_zero:
  %zero_cell = cell %zero_at
  store ptr null, ptr %zero_cell
  %zero_next = add i64 %zero_at, 1
  br label %zeros
begin:
  %code = field ptr %table {8 * Head.CODE}
  store ptr %code, ptr %at
  store i64 0, ptr %unready
  br label %step
step:
  %ip = load ptr, ptr %at
  %op = load i64, ptr %ip
  switch i64 %op, label %invalid [
SWITCH
  ]
invalid:
  unreachable
miss:
  call void @drop(ptr %frame, i64 %owned, i64 %owned_end, ptr %api)
  br label %other
other:
  %record_next = add i64 %record, 1
  store i64 %record_next, ptr %index
  br label %try
no_record:
  br i1 %large, label %free_frame, label %unhold
free_frame:
  %freeing = api PyMem_RawFree
  call void %freeing(ptr %frame)
  br label %unhold
unhold:
  call void @decref(ptr %owner, ptr %api)
  br label %fallback
fallback:
  %callable = field ptr %self {FALLBACK}
  %cleared = icmp eq ptr %callable, null
  br i1 %cleared, label %no_fallback, label %call_fallback
call_fallback:
  %vectorcall = api PyObject_Vectorcall
  %fallen = tail call ptr %vectorcall(ptr %callable, ptr %arguments, i64 %flags, ptr %names)
  ret ptr %fallen
no_fallback:
  %set_error = api PyErr_SetString
  %error_type = api RuntimeError
  call void %set_error(ptr %error_type, ptr @gone)
  ret ptr null
fail:
  store ptr null, ptr %result
  br label %finish
finish:
  call void @drop(ptr %frame, i64 %owned, i64 %owned_end, ptr %api)
  br label %leave
leave:
  br i1 %large, label %free_large, label %release
free_large:
  %free_it = api PyMem_RawFree
  call void %free_it(ptr %frame)
  br label %release
release:
  call void @decref(ptr %owner, ptr %api)
  %final = load ptr, ptr %result
  ret ptr %final
returned:
  %own_workspace = load i64, ptr %taken
  %owns = icmp ne i64 %own_workspace, 0
  br i1 %owns, label %give_back, label %given_back
give_back:
  %busy_at = getelementptr i8, ptr %table, i64 {8 * Head.BUSY}
  store i64 0, ptr %busy_at
  store i64 0, ptr %taken
  br label %given_back
given_back:
  %borrowed = load ptr, ptr %extra
  %no_extra = icmp eq ptr %borrowed, null
  br i1 %no_extra, label %judge, label %free_extra
free_extra:
  %free_that = api PyMem_RawFree
  call void %free_that(ptr %borrowed)
  store ptr null, ptr %extra
  br label %judge
judge:
  %status = load i64, ptr %outcome
  %good = icmp eq i64 %status, 0
  br i1 %good, label %after_call, label %recover
after_call:
  next 2
recover:
  %recovers = field ptr %table {8 * Head.RECOVER}
  %for_others = icmp eq ptr %recovers, null
  br i1 %for_others, label %miss, label %recover_call
recover_call:
  call void @drop(ptr %frame, i64 %owned, i64 %owned_end, ptr %api)
  %recovered = call ptr @recover(ptr %table, i64 %status, ptr %arguments, i64 %positional, i64 %total, ptr %names, ptr %api)
  store ptr %recovered, ptr %result
  br label %leave
"""  # noqa: E501

COUNTS = {  # of references: immortal objects are left alone from Python 3.12 on
    "incref": """
  %n = load i64, ptr %o
  MORTAL
  %m = add i64 %n, 1
  store i64 %m, ptr %o
  ret void
""",
    "decref": """
  %n = load i64, ptr %o
  MORTAL
  %m = sub i64 %n, 1
  store i64 %m, ptr %o
  %last = icmp eq i64 %m, 0
  br i1 %last, label %free, label %done
free:
  %dealloc = api _Py_Dealloc
  tail call void %dealloc(ptr %o)
  ret void
done:
  ret void
""",
}
MORTAL = """%low = trunc i64 %n to i32
  %lives = icmp slt i32 %low, 0
  br i1 %lives, label %immortal, label %mortal
immortal:
  ret void
mortal:"""

HELPERS = f"""
define internal void @copy(ptr %to, ptr %from, i64 %n) alwaysinline nounwind {{
  br label %check
check:
  %k = phi i64 [ 0, %0 ], [ %k1, %body ]
  %left = icmp ult i64 %k, %n
  br i1 %left, label %body, label %done
body:
  %a = getelementptr i64, ptr %from, i64 %k
  %b = getelementptr i64, ptr %to, i64 %k
  %v = load i64, ptr %a
  store i64 %v, ptr %b
  %k1 = add i64 %k, 1
  br label %check
done:
  ret void
}}
define internal void @drop(ptr %frame, i64 %first, i64 %end, ptr %api) nounwind {{
  br label %check
check:
  %k = phi i64 [ %first, %0 ], [ %k1, %more ]
  %left = icmp ult i64 %k, %end
  br i1 %left, label %body, label %done
body:
  %place = getelementptr i64, ptr %frame, i64 %k
  %o = load ptr, ptr %place
  %none = icmp eq ptr %o, null
  br i1 %none, label %more, label %release
release:
  call void @decref(ptr %o, ptr %api)
  br label %more
more:
  %k1 = add i64 %k, 1
  br label %check
done:
  ret void
}}
define internal void @rotate(ptr %chain, i64 %index) nounwind {{
  %tables = getelementptr i64, ptr %chain, i64 {CHAIN_HEAD}
  %found_at = getelementptr ptr, ptr %tables, i64 %index
  %found = load ptr, ptr %found_at
  br label %check
check:
  %k = phi i64 [ %index, %0 ], [ %k1, %body ]
  %done = icmp eq i64 %k, 0
  br i1 %done, label %front, label %body
body:
  %k1 = sub i64 %k, 1
  %a = getelementptr ptr, ptr %tables, i64 %k1
  %b = getelementptr ptr, ptr %tables, i64 %k
  %v = load ptr, ptr %a
  store ptr %v, ptr %b
  br label %check
front:
  store ptr %found, ptr %tables
  ret void
}}
define internal i1 @straighten(ptr %table, ptr %frame, ptr %arguments, ptr %api) nounwind {{
  %list = field ptr %table {8 * Head.ARRAYS}
  %count = field i64 %table {8 * Head.ARRAYS_COUNT}
  br label %check
check:
  %k = phi i64 [ 0, %0 ], [ %k1, %more ]
  %left = icmp ult i64 %k, %count
  br i1 %left, label %body, label %done
body:
  %triple = mul i64 %k, 3
  %at = getelementptr i64, ptr %list, i64 %triple
  %slot = field i64 %at 8
  %place = cell %slot
  %address = load ptr, ptr %place
  %absent = icmp eq ptr %address, null
  br i1 %absent, label %replace, label %more
replace:
  %number = load i64, ptr %at
  %sign = ashr i64 %number, 63
  %index = xor i64 %number, %sign
  %inner = icmp slt i64 %number, 0
  %base = select i1 %inner, ptr %frame, ptr %arguments
  %object_at = getelementptr ptr, ptr %base, i64 %index
  %object = load ptr, ptr %object_at
  %function = api PyArray_NewCopy
  %made = call ptr %function(ptr %object, i32 0)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %keep
keep:
  %owned = field i64 %at 16
  %kept_at = cell %owned
  %former = load ptr, ptr %kept_at
  store ptr %made, ptr %kept_at
  %data = field ptr %made {facts.DATA}
  store ptr %data, ptr %place
  %free = icmp eq ptr %former, null
  br i1 %free, label %more, label %release
release:
  call void @decref(ptr %former, ptr %api)
  br label %more
more:
  %k1 = add i64 %k, 1
  br label %check
fail:
  ret i1 false
done:
  ret i1 true
}}
define internal ptr @recover(ptr %table, i64 %status, ptr %arguments, i64 %positional, i64 %total, ptr %names, ptr %api) nounwind {{
  %make = api PyLong_FromLongLong
  %number = call ptr %make(i64 %status)
  %failed = icmp eq ptr %number, null
  br i1 %failed, label %fail, label %allocate
allocate:
  %length = add i64 %total, 2
  %bytes = shl i64 %length, 3
  %allocator = api PyMem_RawMalloc
  %array = call ptr %allocator(i64 %bytes)
  %exhausted = icmp eq ptr %array, null
  br i1 %exhausted, label %no_memory, label %fill
fill:
  %callable = field ptr %table {8 * Head.RECOVER}
  %token = field ptr %table {8 * Head.TOKEN}
  store ptr %number, ptr %array
  %second = getelementptr i8, ptr %array, i64 8
  store ptr %token, ptr %second
  %third = getelementptr i8, ptr %array, i64 16
  call void @copy(ptr %third, ptr %arguments, i64 %total)
  %passed = add i64 %positional, 2
  %vectorcall = api PyObject_Vectorcall
  %result = call ptr %vectorcall(ptr %callable, ptr %array, i64 %passed, ptr %names)
  %free = api PyMem_RawFree
  call void %free(ptr %array)
  call void @decref(ptr %number, ptr %api)
  ret ptr %result
no_memory:
  call void @decref(ptr %number, ptr %api)
  %complain = api PyErr_NoMemory
  %unused = call ptr %complain()
  ret ptr null
fail:
  ret ptr null
}}
define internal void @release(ptr %place, ptr %api) nounwind {{
  %o = load ptr, ptr %place
  store ptr null, ptr %place
  %none = icmp eq ptr %o, null
  br i1 %none, label %done, label %drop
drop:
  tail call void @decref(ptr %o, ptr %api)
  ret void
done:
  ret void
}}
define ptr @make(ptr %type, ptr %fallback, ptr %api) nounwind {{
  %alloc = api PyType_GenericAlloc
  %self = call ptr %alloc(ptr %type, i64 0)
  %failed = icmp eq ptr %self, null
  br i1 %failed, label %done, label %fill
fill:
  %call_at = getelementptr i8, ptr %self, i64 {VECTORCALL}
  store ptr @call, ptr %call_at
  call void @incref(ptr %fallback)
  %fallback_at = getelementptr i8, ptr %self, i64 {FALLBACK}
  store ptr %fallback, ptr %fallback_at
  %api_at = getelementptr i8, ptr %self, i64 {API}
  store ptr %api, ptr %api_at
  br label %done
done:
  ret ptr %self
}}
define void @exchange(ptr %self, ptr %chain) nounwind {{
  %api = field ptr %self {API}
  %place = getelementptr i8, ptr %self, i64 {CHAIN}
  %former = load ptr, ptr %place
  %empty = icmp eq ptr %chain, null
  br i1 %empty, label %put, label %hold
hold:
  %owner = load ptr, ptr %chain
  call void @incref(ptr %owner)
  br label %put
put:
  store ptr %chain, ptr %place
  %none = icmp eq ptr %former, null
  br i1 %none, label %done, label %drop
drop:
  %old = load ptr, ptr %former
  tail call void @decref(ptr %old, ptr %api)
  ret void
done:
  ret void
}}
define i64 @probe(ptr %slots) nounwind {{
  %a_at = field ptr %slots 0
  %a = load double, ptr %a_at
  %row = field ptr %slots 8
  %c_at = field ptr %slots 16
  %c = load double, ptr %c_at
  %sum = fadd double %a, %c
  %sum_at = field ptr %slots 24
  store double %sum, ptr %sum_at
  %new = field ptr %slots 32
  %x = load double, ptr %row
  %y = field double %row 8
  %cx = fmul double %c, %x
  %cy = fmul double %c, %y
  store double %cx, ptr %new
  %second = getelementptr i8, ptr %new, i64 8
  store double %cy, ptr %second
  ret i64 0
}}
define ptr @owner(ptr %self) nounwind {{
  %api = field ptr %self {API}
  %chain = field ptr %self {CHAIN}
  %none = icmp eq ptr %chain, null
  br i1 %none, label %nothing, label %something
something:
  %owner = load ptr, ptr %chain
  call void @incref(ptr %owner)
  ret ptr %owner
nothing:
  %empty = api None
  call void @incref(ptr %empty)
  ret ptr %empty
}}
define ptr @bind(ptr %self, ptr %instance, ptr %type) nounwind {{
  %api = field ptr %self {API}
  %none = api None
  %absent = icmp eq ptr %instance, null
  %nothing = icmp eq ptr %instance, %none
  %unbound = or i1 %absent, %nothing
  br i1 %unbound, label %itself, label %method
itself:
  call void @incref(ptr %self)
  ret ptr %self
method:
  %function = api PyMethod_New
  %made = tail call ptr %function(ptr %self, ptr %instance)
  ret ptr %made
}}
define i32 @clear(ptr %self) nounwind {{
  %api = field ptr %self {API}
  call void @exchange(ptr %self, ptr null)
  %dictionary = getelementptr i8, ptr %self, i64 {DICTIONARY}
  call void @release(ptr %dictionary, ptr %api)
  %fallback = getelementptr i8, ptr %self, i64 {FALLBACK}
  call void @release(ptr %fallback, ptr %api)
  ret i32 0
}}
define void @dealloc(ptr %self) nounwind {{
  %api = field ptr %self {API}
  %untrack = api PyObject_GC_UnTrack
  call void %untrack(ptr %self)
  %weak = field ptr %self {WEAK}
  %none = icmp eq ptr %weak, null
  br i1 %none, label %free, label %forget
forget:
  %function = api PyObject_ClearWeakRefs
  call void %function(ptr %self)
  br label %free
free:
  %unused = call i32 @clear(ptr %self)
  %type = field ptr %self {facts.TYPE}
  %give_back = api PyObject_GC_Del
  call void %give_back(ptr %self)
  call void @decref(ptr %type, ptr %api)
  ret void
}}
define internal i32 @visit(ptr %visitor, ptr %context, ptr %o) nounwind {{
  %none = icmp eq ptr %o, null
  br i1 %none, label %done, label %go
go:
  %answer = call i32 %visitor(ptr %o, ptr %context)
  ret i32 %answer
done:
  ret i32 0
}}
define i32 @traverse(ptr %self, ptr %visitor, ptr %context) nounwind {{
  %chain = field ptr %self {CHAIN}
  %none = icmp eq ptr %chain, null
  br i1 %none, label %others, label %records
records:
  %owner = load ptr, ptr %chain
  br label %others
others:
  %kept = phi ptr [ null, %0 ], [ %owner, %records ]
  %a = call i32 @visit(ptr %visitor, ptr %context, ptr %kept)
  %a_stop = icmp ne i32 %a, 0
  br i1 %a_stop, label %stop_a, label %second
stop_a:
  ret i32 %a
second:
  %dictionary = field ptr %self {DICTIONARY}
  %b = call i32 @visit(ptr %visitor, ptr %context, ptr %dictionary)
  %b_stop = icmp ne i32 %b, 0
  br i1 %b_stop, label %stop_b, label %third
stop_b:
  ret i32 %b
third:
  %fallback = field ptr %self {FALLBACK}
  %c = call i32 @visit(ptr %visitor, ptr %context, ptr %fallback)
  %c_stop = icmp ne i32 %c, 0
  br i1 %c_stop, label %stop_c, label %fourth
stop_c:
  ret i32 %c
fourth:
  %type = field ptr %self {facts.TYPE}
  %d = call i32 @visit(ptr %visitor, ptr %context, ptr %type)
  ret i32 %d
}}
"""  # noqa: E501
GONE = "the compiled function has been collected"


def expand(text: str) -> str:
    """Spell out the short forms of a text."""
    lines: list[str] = []
    for number, line in enumerate(text.splitlines()):
        words = line.replace(",", "").split()
        name, form, rest = (words[0], words[2], words[3:]) if words[1:2] == ["="] else ("", "", [])
        own = f"{name}.{number}"
        if words[:1] == ["next"]:
            lines += [
                f"  %after.{number} = getelementptr i64, ptr %ip, i64 {words[1]}",
                f"  store ptr %after.{number}, ptr %at",
                "  br label %step",
            ]
        elif form in ("operand", "pointer"):
            kind = "i64" if form == "operand" else "ptr"
            lines += [
                f"  {own} = getelementptr i64, ptr %ip, i64 {rest[0]}",
                f"  {name} = load {kind}, ptr {own}",
            ]
        elif form == "source":
            lines += [
                f"  {own}.at = getelementptr i64, ptr %ip, i64 {rest[0]}",
                f"  {own}.number = load i64, ptr {own}.at",
                f"  {own}.sign = ashr i64 {own}.number, 63",
                f"  {own}.index = xor i64 {own}.number, {own}.sign",
                f"  {own}.inner = icmp slt i64 {own}.number, 0",
                f"  {own}.base = select i1 {own}.inner, ptr %frame, ptr %arguments",
                f"  {own}.place = getelementptr ptr, ptr {own}.base, i64 {own}.index",
                f"  {name} = load ptr, ptr {own}.place",
            ]
        elif form == "cell":
            lines.append(f"  {name} = getelementptr i64, ptr %frame, i64 {rest[0]}")
        elif form == "field":
            lines += [
                f"  {own} = getelementptr i8, ptr {rest[1]}, i64 {rest[2]}",
                f"  {name} = load {rest[0]}, ptr {own}",
            ]
        elif form == "api":
            place = facts.NAMES.index(rest[0])
            lines += [
                f"  {own} = getelementptr ptr, ptr %api, i64 {place}",
                f"  {name} = load ptr, ptr {own}",
            ]
        else:
            lines.append(line)
    return "\n".join(lines)


def section(op: Op, text: str) -> str:
    """An instruction's block, its names made its own."""
    mine = set(re.findall(r"^\s*%(\w+) =", text, re.M)) | set(re.findall(r"^(\w+):", text, re.M))
    renamed = re.sub(
        r"%(\w+)|^(\w+):",
        lambda m: (
            (f"%{op.name}.{m[1]}" if m[1] in mine or m[1] == "start" else m[0])
            if m[1]
            else f"{op.name}.{m[2]}:"
        ),
        text,
        flags=re.M,
    )
    return f"{op.name}.start:{renamed}"


@lru_cache(maxsize=1)
def text() -> str:
    """The module."""
    mortal = MORTAL if sys.version_info >= (3, 12) else ""
    switch = "\n".join(f"    i64 {op.value}, label %{op.name}.start" for op in Op)
    body = START.replace("SWITCH", switch) + "".join(section(op, BLOCKS[op]) for op in Op)
    size = len(GONE) + 1
    parts = [
        f'@gone = internal constant [{size} x i8] c"{GONE}\\00"',
        "define ptr @call(ptr %self, ptr %arguments, i64 %flags, ptr %names) nounwind {",
        body,
        "}",
    ]
    for name, count in COUNTS.items():
        parameters = "ptr %o" if name == "incref" else "ptr %o, ptr %api"
        head = f"define internal void @{name}({parameters}) alwaysinline nounwind {{"
        parts += [head, count.replace("MORTAL", mortal), "}"]
    return expand("\n".join([*parts, HELPERS])) + "\n"


@lru_cache(maxsize=1)
def object_bytes() -> bytes:
    """The module, compiled for this processor."""
    return compile_object(f'target triple = "{host().triple}"\n{text()}', host())


class Loaded:
    """The addresses of the functions, once they are in memory."""

    addresses: dict[str, int] | None = None


def functions() -> dict[str, int]:
    """The addresses of the functions; where that has not been done, they are taken from the disk
    cache, or compiled and put there."""
    if Loaded.addresses is None:
        store = cache.default()
        data = store.get("object", CACHE_KEY)
        if data is not None:
            try:
                load_from(data)
            except cpu.LoadError:
                data = None  # foreign or damaged, whatever the cache's own checks say
        if data is None:
            data = object_bytes()
            load_from(data)
            store.put("object", CACHE_KEY, data)
    assert Loaded.addresses is not None
    return Loaded.addresses


def load_from(data: bytes) -> None:
    """Load object bytes that `object_bytes` gave, once in a process.

    They stay in memory for ever, through the interpreter's end: entries may die after all else.
    """
    if Loaded.addresses is None:
        library = cpu.load(data)
        found = {name: library.address(name) for name in FUNCTIONS}
        for kept in (library, facts.addresses().cells):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
        Loaded.addresses = found
