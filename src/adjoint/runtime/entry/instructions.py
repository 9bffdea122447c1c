"""The instructions of a record's table: their names, operands, and LLVM IR.

Enters: nothing.  Leaves: `Head`, the first integers of a table; `Op`, the instructions; and
`BLOCKS`, the block of each in the function `call` (see `code`, which spells out the short forms
used here and makes each block's names its own).

An instruction is an `Op` and its operands, one integer each.  A *source* names an object: k is the
argument k, and ~k the cell k of the frame.  A block goes on by `next n` (n integers later), to
`%miss` where the record does not fit, to `%fail` where an exception is set.  Short forms: `operand
k`, `pointer k` (the operand as an address), `source k`, `cell %k` (its address), `field TYPE %p
offset`, `api NAME` (a function or object of the table of addresses).
"""

from __future__ import annotations

from enum import IntEnum, auto

from . import facts


class Head(IntEnum):
    """The first integers of a record's table."""

    POSITIONAL = 0
    KEYWORDS = auto()
    CODE = auto()  # address of the first instruction
    OWNED = auto()
    OWNED_END = auto()
    BUSY = auto()  # whether a running call has the workspace
    WORKSPACE = auto()
    WORKSPACE_BYTES = auto()
    RECOVER = auto()
    TOKEN = auto()
    ARRAYS = auto()  # address of (source, slot, owned) for each array that comes in
    ARRAYS_COUNT = auto()


class Op(IntEnum):
    """Instructions, with their operands."""

    VERSION = 0  # dictionary, address of the version known, integers to skip where it is the same
    GLOBAL = auto()  # dictionary, key, expected
    KNOWN = auto()  # address of the version known
    CELL = auto()  # cell, expected
    TAKE = auto()  # register, object
    NUMBER = auto()  # source, type, offset, slot
    HELD = auto()  # source, type, offset, slot, owned
    ARRAY = auto()  # source, slot, hold, owned, descriptor, type number, axes, shape...
    SAME = auto()  # source, object
    EQUAL = auto()  # source, object
    BITS = auto()  # source, object, 64-bit words of its value
    TUPLE = auto()  # source, type, length, first register
    LIST = auto()  # source, length, first register
    DICT = auto()  # source, length, first register, keys...
    MATCHED = auto()
    COPY = auto()  # first slot, count, address
    POINT = auto()  # slot, cell that it shall point to
    NEW = auto()  # slot, owned, descriptor, axes, shape...
    WORKSPACE = auto()  # slot
    CALL = auto()  # program
    CALL_RELEASED = auto()  # program
    FLOAT = auto()  # cell, owned
    INT = auto()  # cell, owned
    BOOL = auto()  # cell, owned
    COMPLEX = auto()  # cell, owned
    SCALAR = auto()  # cell, owned, descriptor
    FIXED = auto()  # object, owned
    MAKE_TUPLE = auto()  # owned, length, items' owned...
    MAKE_LIST = auto()  # owned, length, items' owned...
    MAKE_DICT = auto()  # owned, length, (key, owned)...
    APPLY = auto()  # owned, function, owned (a tuple)
    RETURN = auto()  # owned


BLOCKS = {
    Op.VERSION: f"""
  %space = pointer 1
  %known_at = pointer 2
  %skip = operand 3
  %now = field i64 %space {facts.VERSION}
  %known = load i64, ptr %known_at
  store i64 %now, ptr %version
  %same = icmp eq i64 %now, %known
  %width = select i1 %same, i64 %skip, i64 4
  %after = getelementptr i64, ptr %ip, i64 %width
  store ptr %after, ptr %at
  br label %step
""",
    Op.GLOBAL: """
  %space = pointer 1
  %name = pointer 2
  %expected = pointer 3
  %lookup = api PyDict_GetItemWithError
  %found = call ptr %lookup(ptr %space, ptr %name)
  %same = icmp eq ptr %found, %expected
  br i1 %same, label %good, label %differs
differs:
  %nothing = icmp eq ptr %found, null
  br i1 %nothing, label %nothing_found, label %miss
nothing_found:
  %clear = api PyErr_Clear
  call void %clear()
  %none = api None
  %wants_none = icmp eq ptr %expected, %none
  br i1 %wants_none, label %good, label %miss
good:
  next 4
""",
    Op.KNOWN: """
  %known_at = pointer 1
  %now = load i64, ptr %version
  store i64 %now, ptr %known_at
  next 2
""",
    Op.CELL: f"""
  %holder = pointer 1
  %expected = pointer 2
  %found = field ptr %holder {facts.VALUE}
  %same = icmp eq ptr %found, %expected
  br i1 %same, label %good, label %differs
differs:
  %nothing = icmp eq ptr %found, null
  %none = api None
  %wants_none = icmp eq ptr %expected, %none
  %both = and i1 %nothing, %wants_none
  br i1 %both, label %good, label %miss
good:
  next 3
""",
    Op.TAKE: """
  %register = operand 1
  %object = pointer 2
  %place = cell %register
  store ptr %object, ptr %place
  next 3
""",
    Op.NUMBER: f"""
  %object = source 1
  %type = pointer 2
  %offset = operand 3
  %slot = operand 4
  %found = field ptr %object {facts.TYPE}
  %address = getelementptr i8, ptr %object, i64 %offset
  %place = cell %slot
  store ptr %address, ptr %place
  %same = icmp eq ptr %found, %type
  br i1 %same, label %good, label %miss
good:
  next 5
""",
    Op.HELD: f"""
  %object = source 1
  %type = pointer 2
  %offset = operand 3
  %slot = operand 4
  %owned = operand 5
  %found = field ptr %object {facts.TYPE}
  %same = icmp eq ptr %found, %type
  br i1 %same, label %good, label %miss
good:
  %address = getelementptr i8, ptr %object, i64 %offset
  %place = cell %slot
  store ptr %address, ptr %place
  call void @incref(ptr %object)
  %hold = cell %owned
  store ptr %object, ptr %hold
  next 6
""",
    Op.ARRAY: f"""
  %object = source 1
  %slot = operand 2
  %axes = operand 7
  %found = field ptr %object {facts.TYPE}
  %wanted = api ndarray
  %same = icmp eq ptr %found, %wanted
  br i1 %same, label %is_array, label %miss
is_array:
  %descriptor = pointer 5
  %its = field ptr %object {facts.DESCRIPTOR}
  %usual = icmp eq ptr %its, %descriptor
  br i1 %usual, label %typed, label %unusual
unusual:
  %number = operand 6
  %its_short = field i32 %its {facts.TYPE_NUMBER}
  %its_number = sext i32 %its_short to i64
  %order = field i8 %its {facts.BYTE_ORDER}
  %native = icmp ne i8 %order, {ord(">")}
  %alike = icmp eq i64 %its_number, %number
  %both = and i1 %native, %alike
  br i1 %both, label %typed, label %miss
typed:
  %its_axes_short = field i32 %object {facts.AXES}
  %its_axes = sext i32 %its_axes_short to i64
  %as_many = icmp eq i64 %its_axes, %axes
  br i1 %as_many, label %shaped, label %miss
shaped:
  %shape = field ptr %object {facts.SHAPE}
  br label %extents
extents:
  %axis = phi i64 [ 0, %shaped ], [ %axis_next, %extent ]
  %left = icmp ult i64 %axis, %axes
  br i1 %left, label %extent, label %fits
extent:
  %extent_at = getelementptr i64, ptr %shape, i64 %axis
  %extent_is = load i64, ptr %extent_at
  %operand = add i64 %axis, 8
  %extent_wanted_at = getelementptr i64, ptr %ip, i64 %operand
  %extent_wanted = load i64, ptr %extent_wanted_at
  %axis_next = add i64 %axis, 1
  %extent_same = icmp eq i64 %extent_is, %extent_wanted
  br i1 %extent_same, label %extents, label %miss
fits:
  %flags = field i32 %object {facts.FLAGS}
  %kept = and i32 %flags, {facts.WANTED_FLAGS}
  %direct = icmp eq i32 %kept, {facts.WANTED_FLAGS}
  %data = field ptr %object {facts.DATA}
  %address = select i1 %direct, ptr %data, ptr null
  %place = cell %slot
  store ptr %address, ptr %place
  %before = load i64, ptr %unready
  %now = select i1 %direct, i64 %before, i64 1
  store i64 %now, ptr %unready
  %hold = operand 3
  %holds = icmp ne i64 %hold, 0
  br i1 %holds, label %held, label %good
held:
  %owned = operand 4
  call void @incref(ptr %object)
  %kept_at = cell %owned
  store ptr %object, ptr %kept_at
  br label %good
good:
  %width = add i64 %axes, 8
  %after = getelementptr i64, ptr %ip, i64 %width
  store ptr %after, ptr %at
  br label %step
""",
    Op.SAME: """
  %object = source 1
  %expected = pointer 2
  %same = icmp eq ptr %object, %expected
  br i1 %same, label %good, label %miss
good:
  next 3
""",
    Op.EQUAL: f"""
  %object = source 1
  %expected = pointer 2
  %same = icmp eq ptr %object, %expected
  br i1 %same, label %good, label %other_object
other_object:
  %its = field ptr %object {facts.TYPE}
  %wanted = field ptr %expected {facts.TYPE}
  %alike = icmp eq ptr %its, %wanted
  br i1 %alike, label %compare, label %miss
compare:
  %function = api PyObject_RichCompareBool
  %answer = call i32 %function(ptr %object, ptr %expected, i32 2)
  %equal = icmp sgt i32 %answer, 0
  br i1 %equal, label %good, label %differ
differ:
  %clear = api PyErr_Clear
  call void %clear()
  br label %miss
good:
  next 3
""",
    Op.BITS: f"""
  %object = source 1
  %expected = pointer 2
  %words = operand 3
  %its = field ptr %object {facts.TYPE}
  %wanted = field ptr %expected {facts.TYPE}
  %alike = icmp eq ptr %its, %wanted
  br i1 %alike, label %compare, label %miss
compare:
  %k = phi i64 [ 0, %start ], [ %k_next, %word ]
  %left = icmp ult i64 %k, %words
  br i1 %left, label %word, label %good
word:
  %cell = add i64 %k, {facts.VALUE // 8}
  %a_at = getelementptr i64, ptr %object, i64 %cell
  %b_at = getelementptr i64, ptr %expected, i64 %cell
  %a = load i64, ptr %a_at
  %b = load i64, ptr %b_at
  %k_next = add i64 %k, 1
  %equal = icmp eq i64 %a, %b
  br i1 %equal, label %compare, label %miss
good:
  next 4
""",
    Op.TUPLE: f"""
  %object = source 1
  %type = pointer 2
  %length = operand 3
  %register = operand 4
  %its = field ptr %object {facts.TYPE}
  %same = icmp eq ptr %its, %type
  br i1 %same, label %measure, label %miss
measure:
  %size = field i64 %object {facts.SIZE}
  %fits = icmp eq i64 %size, %length
  br i1 %fits, label %take, label %miss
take:
  %items = getelementptr i8, ptr %object, i64 {facts.ITEMS}
  %place = cell %register
  call void @copy(ptr %place, ptr %items, i64 %length)
  next 5
""",
    Op.LIST: f"""
  %object = source 1
  %length = operand 2
  %register = operand 3
  %its = field ptr %object {facts.TYPE}
  %type = api list
  %same = icmp eq ptr %its, %type
  br i1 %same, label %measure, label %miss
measure:
  %size = field i64 %object {facts.SIZE}
  %fits = icmp eq i64 %size, %length
  br i1 %fits, label %take, label %miss
take:
  %items = field ptr %object {facts.ITEMS}
  %place = cell %register
  call void @copy(ptr %place, ptr %items, i64 %length)
  next 4
""",
    Op.DICT: f"""
  %object = source 1
  %length = operand 2
  %register = operand 3
  %its = field ptr %object {facts.TYPE}
  %type = api dict
  %same = icmp eq ptr %its, %type
  br i1 %same, label %measure, label %miss
measure:
  %size = field i64 %object {facts.USED}
  %fits = icmp eq i64 %size, %length
  br i1 %fits, label %first, label %miss
first:
  store i64 0, ptr %cursor
  br label %keys
keys:
  %k = phi i64 [ 0, %first ], [ %k_next, %taken_key ]
  %left = icmp ult i64 %k, %length
  br i1 %left, label %next_key, label %good
next_key:
  %function = api PyDict_Next
  %got = call i32 %function(ptr %object, ptr %cursor, ptr %key, ptr %item)
  %any = icmp ne i32 %got, 0
  br i1 %any, label %compare_key, label %miss
compare_key:
  %operand = add i64 %k, 4
  %wanted_at = getelementptr ptr, ptr %ip, i64 %operand
  %wanted = load ptr, ptr %wanted_at
  %found = load ptr, ptr %key
  %identical = icmp eq ptr %found, %wanted
  br i1 %identical, label %taken_key, label %other_key
other_key:
  %found_type = field ptr %found {facts.TYPE}
  %wanted_type = field ptr %wanted {facts.TYPE}
  %string = api str
  %found_string = icmp eq ptr %found_type, %string
  %wanted_string = icmp eq ptr %wanted_type, %string
  %alike = and i1 %found_string, %wanted_string
  br i1 %alike, label %equal_key, label %miss
equal_key:
  %comparing = api PyObject_RichCompareBool
  %answer = call i32 %comparing(ptr %found, ptr %wanted, i32 2)
  %equal = icmp sgt i32 %answer, 0
  br i1 %equal, label %taken_key, label %differ
differ:
  %clearing = api PyErr_Clear
  call void %clearing()
  br label %miss
taken_key:
  %value = load ptr, ptr %item
  %target = add i64 %register, %k
  %place = cell %target
  store ptr %value, ptr %place
  %k_next = add i64 %k, 1
  br label %keys
good:
  %width = add i64 %length, 4
  %after = getelementptr i64, ptr %ip, i64 %width
  store ptr %after, ptr %at
  br label %step
""",
    Op.MATCHED: """
  %first = icmp eq i64 %record, 0
  br i1 %first, label %in_front, label %rotate
rotate:
  call void @rotate(ptr %chain, i64 %record)
  br label %in_front
in_front:
  %pending = load i64, ptr %unready
  %direct = icmp eq i64 %pending, 0
  br i1 %direct, label %good, label %straighten
straighten:
  %done = call i1 @straighten(ptr %table, ptr %frame, ptr %arguments, ptr %api)
  br i1 %done, label %good, label %fail
good:
  next 1
""",
    Op.COPY: """
  %slot = operand 1
  %length = operand 2
  %from = pointer 3
  %place = cell %slot
  call void @copy(ptr %place, ptr %from, i64 %length)
  next 4
""",
    Op.POINT: """
  %slot = operand 1
  %target = operand 2
  %place = cell %slot
  %address = cell %target
  store ptr %address, ptr %place
  next 3
""",
    Op.NEW: f"""
  %slot = operand 1
  %owned = operand 2
  %descriptor = pointer 3
  %axes = operand 4
  %shape = getelementptr i64, ptr %ip, i64 5
  %short = trunc i64 %axes to i32
  %type = api ndarray
  %function = api PyArray_NewFromDescr
  call void @incref(ptr %descriptor)
  %made = call ptr %function(ptr %type, ptr %descriptor, i32 %short, ptr %shape, ptr null, ptr null, i32 0, ptr null)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %good
good:
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %data = field ptr %made {facts.DATA}
  %place = cell %slot
  store ptr %data, ptr %place
  %width = add i64 %axes, 5
  %after = getelementptr i64, ptr %ip, i64 %width
  store ptr %after, ptr %at
  br label %step
""",  # noqa: E501
    Op.WORKSPACE: f"""
  %slot = operand 1
  %place = cell %slot
  %busy_at = getelementptr i8, ptr %table, i64 {8 * Head.BUSY}
  %busy = load i64, ptr %busy_at
  %idle = icmp eq i64 %busy, 0
  br i1 %idle, label %take, label %allocate
take:
  store i64 1, ptr %busy_at
  store i64 1, ptr %taken
  %ready = field ptr %table {8 * Head.WORKSPACE}
  store ptr %ready, ptr %place
  next 2
allocate:
  %bytes = field i64 %table {8 * Head.WORKSPACE_BYTES}
  %more = add i64 %bytes, 64
  %allocator = api PyMem_RawMalloc
  %raw = call ptr %allocator(i64 %more)
  %exhausted = icmp eq ptr %raw, null
  br i1 %exhausted, label %no_memory, label %align
no_memory:
  %complain = api PyErr_NoMemory
  %unused = call ptr %complain()
  br label %fail
align:
  store ptr %raw, ptr %extra
  %number = ptrtoint ptr %raw to i64
  %low = and i64 %number, 63
  %rest = sub i64 64, %low
  %aligned = getelementptr i8, ptr %raw, i64 %rest
  store ptr %aligned, ptr %place
  next 2
""",
    Op.CALL: """
  %program = pointer 1
  %status = call i64 %program(ptr %frame)
  store i64 %status, ptr %outcome
  br label %returned
""",
    Op.CALL_RELEASED: """
  %program = pointer 1
  %save = api PyEval_SaveThread
  %restore = api PyEval_RestoreThread
  %thread = call ptr %save()
  %status = call i64 %program(ptr %frame)
  store i64 %status, ptr %outcome
  call void %restore(ptr %thread)
  br label %returned
""",
    Op.FLOAT: """
  %value_at = operand 1
  %owned = operand 2
  %place = cell %value_at
  %value = load double, ptr %place
  %function = api PyFloat_FromDouble
  %made = call ptr %function(double %value)
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %good
good:
  next 3
""",
    Op.INT: """
  %value_at = operand 1
  %owned = operand 2
  %place = cell %value_at
  %value = load i64, ptr %place
  %function = api PyLong_FromLongLong
  %made = call ptr %function(i64 %value)
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %good
good:
  next 3
""",
    Op.BOOL: """
  %value_at = operand 1
  %owned = operand 2
  %place = cell %value_at
  %value = load i8, ptr %place
  %wide = zext i8 %value to i64
  %function = api PyBool_FromLong
  %made = call ptr %function(i64 %wide)
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  next 3
""",
    Op.COMPLEX: """
  %value_at = operand 1
  %owned = operand 2
  %place = cell %value_at
  %real = load double, ptr %place
  %imaginary = field double %place 8
  %function = api PyComplex_FromDoubles
  %made = call ptr %function(double %real, double %imaginary)
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %good
good:
  next 3
""",
    Op.SCALAR: """
  %value_at = operand 1
  %owned = operand 2
  %descriptor = pointer 3
  %place = cell %value_at
  %function = api PyArray_Scalar
  %made = call ptr %function(ptr %place, ptr %descriptor, ptr null)
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %good
good:
  next 4
""",
    Op.FIXED: """
  %object = pointer 1
  %owned = operand 2
  call void @incref(ptr %object)
  %kept_at = cell %owned
  store ptr %object, ptr %kept_at
  next 3
""",
    Op.MAKE_TUPLE: f"""
  %owned = operand 1
  %length = operand 2
  %function = api PyTuple_New
  %made = call ptr %function(i64 %length)
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %fill
fill:
  %items = getelementptr i8, ptr %made, i64 {facts.ITEMS}
  br label %items_left
items_left:
  %k = phi i64 [ 0, %fill ], [ %k_next, %put ]
  %left = icmp ult i64 %k, %length
  br i1 %left, label %put, label %good
put:
  %operand = add i64 %k, 3
  %which_at = getelementptr i64, ptr %ip, i64 %operand
  %which = load i64, ptr %which_at
  %place = cell %which
  %value = load ptr, ptr %place
  store ptr null, ptr %place
  %item_at = getelementptr ptr, ptr %items, i64 %k
  store ptr %value, ptr %item_at
  %k_next = add i64 %k, 1
  br label %items_left
good:
  %width = add i64 %length, 3
  %after = getelementptr i64, ptr %ip, i64 %width
  store ptr %after, ptr %at
  br label %step
""",
    Op.MAKE_DICT: """
  %owned = operand 1
  %length = operand 2
  %function = api PyDict_New
  %made = call ptr %function()
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %fill
fill:
  %k = phi i64 [ 0, %start ], [ %k_next, %put ]
  %left = icmp ult i64 %k, %length
  br i1 %left, label %put, label %good
put:
  %twice = shl i64 %k, 1
  %operand = add i64 %twice, 3
  %name_at = getelementptr i64, ptr %ip, i64 %operand
  %name = load ptr, ptr %name_at
  %which = field i64 %name_at 8
  %place = cell %which
  %value = load ptr, ptr %place
  %insert = api PyDict_SetItem
  %answer = call i32 %insert(ptr %made, ptr %name, ptr %value)
  %k_next = add i64 %k, 1
  %bad = icmp ne i32 %answer, 0
  br i1 %bad, label %fail, label %fill
good:
  %twice_all = shl i64 %length, 1
  %width = add i64 %twice_all, 3
  %after = getelementptr i64, ptr %ip, i64 %width
  store ptr %after, ptr %at
  br label %step
""",
    Op.APPLY: """
  %owned = operand 1
  %callable = pointer 2
  %which = operand 3
  %place = cell %which
  %items = load ptr, ptr %place
  %function = api PyObject_CallObject
  %made = call ptr %function(ptr %callable, ptr %items)
  %kept_at = cell %owned
  store ptr %made, ptr %kept_at
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %fail, label %good
good:
  next 4
""",
    Op.RETURN: """
  %owned = operand 1
  %place = cell %owned
  %value = load ptr, ptr %place
  store ptr null, ptr %place
  store ptr %value, ptr %result
  br label %finish
""",
}
LIST_ITEMS = f"%items = field ptr %made {facts.ITEMS}"
BLOCKS[Op.MAKE_LIST] = (
    BLOCKS[Op.MAKE_TUPLE]
    .replace("PyTuple_New", "PyList_New")
    .replace(f"%items = getelementptr i8, ptr %made, i64 {facts.ITEMS}", LIST_ITEMS)
)
