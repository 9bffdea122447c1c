"""The machine code that runs a body again and again: LLVM IR as text.

Enters: nothing (the text depends on the triple alone).  Leaves: one function,

    i64 drive(ptr body, ptr even, ptr odd, ptr moves, i64 count_of_moves, ptr number, i64 by,
              i64 steps, i64 turn, ptr condition, ptr condition_even, ptr condition_odd,
              ptr goes_on, ptr done, ptr updates, i64 count_of_updates, i64 base)

A body is a program, `i64 body(ptr slots)`.  It is called with two tables of slots by turns: what
one step writes as its carry, the next one reads, and no pointer is exchanged.  After a step,
`moves` (pairs of a slot and of bytes, for the table that was used) lead to the rows of the step
after the next, and `number`, which counts the steps, grows by `by`.  Before each step the
condition, if there is one, is called likewise; it writes a byte to `goes_on`.  `turn` is 1 where
the odd table comes first.  Gives 0, or the status of a program that failed; `done` is how many
steps were made.

After each step, `updates` are done: writes into arrays that lie in one buffer.  Each is: its kind
(0: copy bytes, 1: add numbers of 64 bits, 2: of 32 bits), where the array and the value are, bytes
or numbers, how many places it has, and for each: where the place is, the axis' extent, its stride
in bytes.  All positions count from `base`.  A place out of range gives the status 1.

`piece_text` is the module of a whole loop as a program, `i64 program(ptr slots)`: it lays out the
tables of slots in its workspace, copies the carry in, drives, and copies it out.  Its own table
holds 64-bit integers, in the order of `ENTRIES`:

| entry | meaning |
|---|---|
| template, bytes | what the workspace begins with: the tables, the counters |
| fills, fills_at | how many, and where: place in the workspace, kind, number, bytes to add |
| begins, begins_at | what is copied in first: place in the workspace, kind, number, bytes |
| body, condition | addresses of code; no condition: 0 |
| even, odd, condition_even, condition_odd, number, goes_on, done | places in the workspace |
| moves, count, by, steps | as `drive` takes them |
| limited | not 0: to make all steps is a failure, with the status `TOO_LONG` |
| ends, ends_even, ends_odd | what is copied out at last, after an even or an odd number of |
| | steps: the caller's slot, place in the workspace, bytes |

Kinds and numbers are those of `link.SOURCE`.

`switch_text` is the module of one of several programs, chosen by the number at a kind and number;
its table (`SWITCH_ENTRIES`) has the address of the branches' code, and where their slots are, in
turn.  A number out of range counts as the nearest one.
"""

from __future__ import annotations

from collections.abc import Sequence

from .link import SOURCE
from .targets import Target

TOO_LONG = 7  # the status of a loop that is left, to be run where it can be interrupted
ENTRIES = (
    "template", "bytes", "fills", "fills_at", "begins", "begins_at", "body", "condition",
    "even", "odd", "condition_even", "condition_odd", "number", "goes_on", "done",
    "moves", "count", "by", "steps", "limited", "ends", "ends_even", "ends_odd", "updates",
    "updates_count",
)  # fmt: skip
POINTERS = (
    "template",
    "fills_at",
    "begins_at",
    "body",
    "condition",
    "moves",
    "ends_even",
    "ends_odd",
    "updates",
    "branches",
)
PLACES = ("even", "odd", "condition_even", "condition_odd", "number", "goes_on", "done")


def module_text(target: Target) -> str:
    """The module."""
    return f'target triple = "{target.triple}"\n{SOURCE}{UPDATE}{TEXT}'


def piece_text(target: Target, workspace: int, table: int) -> str:
    """The module of a whole loop, the numbers of whose slots are given."""
    head = [f'target triple = "{target.triple}"', SOURCE, UPDATE, TEXT]
    places = []
    for name in PLACES:
        places.append(f"  %{name}_a = add i64 %base, %{name}")
        places.append(f"  %{name}_at = inttoptr i64 %{name}_a to ptr")
    return "\n".join([*head, *entry(workspace, table, ENTRIES), *places, FILL, PIECE])


def switch_text(target: Target, workspace: int, table: int) -> str:
    """The module of one of several programs, chosen by a number; likewise."""
    head = [f'target triple = "{target.triple}"', SOURCE]
    return "\n".join([*head, *entry(workspace, table, SWITCH_ENTRIES), FILL, SWITCH])


def entry(workspace: int, table: int, names: Sequence[str]) -> list[str]:
    """The first lines of a program: the entries of its table."""
    lines = ["define i64 @program(ptr %slots) {", "entry:"]

    def load(name: str, pointer: str, place: int, kind: str = "i64") -> None:
        lines.append(f"  %{name}_p = getelementptr i64, ptr {pointer}, i64 {place}")
        lines.append(f"  %{name} = load {kind}, ptr %{name}_p")

    load("base", "%slots", workspace)
    load("table", "%slots", table, "ptr")
    for k, name in enumerate(names):
        load(name, "%table", k, "ptr" if name in POINTERS else "i64")
    return lines


SWITCH_ENTRIES = (
    "template", "bytes", "fills", "fills_at", "kind", "number", "count", "branches",
)  # fmt: skip
SWITCH = """
begin:
  %place_address = call i64 @source(ptr %slots, i64 %base, i64 %kind, i64 %number)
  %place_at = inttoptr i64 %place_address to ptr
  %place = load i64, ptr %place_at
  %last = sub i64 %count, 1
  %is_low = icmp slt i64 %place, 0
  %raised = select i1 %is_low, i64 0, i64 %place
  %is_high = icmp sgt i64 %raised, %last
  %chosen = select i1 %is_high, i64 %last, i64 %raised
  %pair = shl i64 %chosen, 1
  %code_at = getelementptr i64, ptr %branches, i64 %pair
  %code = load ptr, ptr %code_at
  %slots_at = getelementptr i64, ptr %code_at, i64 1
  %slots_place = load i64, ptr %slots_at
  %own_slots = getelementptr i8, ptr %own, i64 %slots_place
  %status = call i64 %code(ptr %own_slots)
  ret i64 %status
}
"""

FILL = """
  %own = inttoptr i64 %base to ptr
  call void @llvm.memcpy.p0.p0.i64(ptr %own, ptr %template, i64 %bytes, i1 false)
  br label %fill
fill:
  %f = phi i64 [ 0, %entry ], [ %f_next, %filled ]
  %is_fill = icmp ult i64 %f, %fills
  br i1 %is_fill, label %filled, label %begin
filled:
  %f_first = shl i64 %f, 2
  %f_at = getelementptr i64, ptr %fills_at, i64 %f_first
  %f_place = load i64, ptr %f_at
  %f_kind_at = getelementptr i64, ptr %f_at, i64 1
  %f_kind = load i64, ptr %f_kind_at
  %f_number_at = getelementptr i64, ptr %f_at, i64 2
  %f_number = load i64, ptr %f_number_at
  %f_add_at = getelementptr i64, ptr %f_at, i64 3
  %f_add = load i64, ptr %f_add_at
  %f_found = call i64 @source(ptr %slots, i64 %base, i64 %f_kind, i64 %f_number)
  %f_value = add i64 %f_found, %f_add
  %f_to = getelementptr i8, ptr %own, i64 %f_place
  store i64 %f_value, ptr %f_to
  %f_next = add i64 %f, 1
  br label %fill
"""

PIECE = """
begin:
  %b = phi i64 [ 0, %fill ], [ %b_next, %begun ]
  %is_begin = icmp ult i64 %b, %begins
  br i1 %is_begin, label %begun, label %run
begun:
  %b_first = shl i64 %b, 2
  %b_at = getelementptr i64, ptr %begins_at, i64 %b_first
  %b_place = load i64, ptr %b_at
  %b_kind_at = getelementptr i64, ptr %b_at, i64 1
  %b_kind = load i64, ptr %b_kind_at
  %b_number_at = getelementptr i64, ptr %b_at, i64 2
  %b_number = load i64, ptr %b_number_at
  %b_bytes_at = getelementptr i64, ptr %b_at, i64 3
  %b_bytes = load i64, ptr %b_bytes_at
  %b_address = call i64 @source(ptr %slots, i64 %base, i64 %b_kind, i64 %b_number)
  %b_from = inttoptr i64 %b_address to ptr
  %b_to = getelementptr i8, ptr %own, i64 %b_place
  call void @llvm.memcpy.p0.p0.i64(ptr %b_to, ptr %b_from, i64 %b_bytes, i1 false)
  %b_next = add i64 %b, 1
  br label %begin
run:
  %status = call i64 @drive(ptr %body, ptr %even_at, ptr %odd_at, ptr %moves, i64 %count, ptr %number_at, i64 %by, i64 %steps, i64 0, ptr %condition, ptr %condition_even_at, ptr %condition_odd_at, ptr %goes_on_at, ptr %done_at, ptr %updates, i64 %updates_count, i64 %base)
  %good = icmp eq i64 %status, 0
  br i1 %good, label %ended, label %failed
failed:
  ret i64 %status
ended:
  %made = load i64, ptr %done_at
  %is_all = icmp eq i64 %made, %steps
  %is_limited = icmp ne i64 %limited, 0
  %is_long = and i1 %is_all, %is_limited
  br i1 %is_long, label %long, label %out
long:
  ret i64 TOO_LONG
out:
  %turn = and i64 %made, 1
  %is_odd = icmp ne i64 %turn, 0
  %list = select i1 %is_odd, ptr %ends_odd, ptr %ends_even
  br label %end
end:
  %e = phi i64 [ 0, %out ], [ %e_next, %copied ]
  %is_end = icmp ult i64 %e, %ends
  br i1 %is_end, label %copied, label %finished
copied:
  %e_first = mul i64 %e, 3
  %e_at = getelementptr i64, ptr %list, i64 %e_first
  %e_slot = load i64, ptr %e_at
  %e_place_at = getelementptr i64, ptr %e_at, i64 1
  %e_place = load i64, ptr %e_place_at
  %e_bytes_at = getelementptr i64, ptr %e_at, i64 2
  %e_bytes = load i64, ptr %e_bytes_at
  %e_address = call i64 @source(ptr %slots, i64 %base, i64 0, i64 %e_slot)
  %e_to = inttoptr i64 %e_address to ptr
  %e_from = getelementptr i8, ptr %own, i64 %e_place
  call void @llvm.memcpy.p0.p0.i64(ptr %e_to, ptr %e_from, i64 %e_bytes, i1 false)
  %e_next = add i64 %e, 1
  br label %end
finished:
  ret i64 0
}
""".replace("TOO_LONG", str(TOO_LONG))  # noqa: E501

UPDATE = """
define internal i64 @update(ptr %list, i64 %count, i64 %base) nounwind {
entry:
  br label %next
next:
  %u = phi i64 [ 0, %entry ], [ %u_next, %written ]
  %head = phi ptr [ %list, %entry ], [ %head_next, %written ]
  %more = icmp ult i64 %u, %count
  br i1 %more, label %begin, label %end
begin:
  %kind = load i64, ptr %head
  %array_at = getelementptr i64, ptr %head, i64 1
  %array = load i64, ptr %array_at
  %value_at = getelementptr i64, ptr %head, i64 2
  %value = load i64, ptr %value_at
  %size_at = getelementptr i64, ptr %head, i64 3
  %size = load i64, ptr %size_at
  %rank_at = getelementptr i64, ptr %head, i64 4
  %rank = load i64, ptr %rank_at
  %first = getelementptr i64, ptr %head, i64 5
  br label %axis
axis:
  %k = phi i64 [ 0, %begin ], [ %k_next, %good ]
  %offset = phi i64 [ %array, %begin ], [ %offset_next, %good ]
  %is_axis = icmp ult i64 %k, %rank
  br i1 %is_axis, label %place, label %write
place:
  %k_first = mul i64 %k, 3
  %where_at = getelementptr i64, ptr %first, i64 %k_first
  %where = load i64, ptr %where_at
  %extent_at = getelementptr i64, ptr %where_at, i64 1
  %extent = load i64, ptr %extent_at
  %stride_at = getelementptr i64, ptr %where_at, i64 2
  %stride = load i64, ptr %stride_at
  %here = add i64 %base, %where
  %here_at = inttoptr i64 %here to ptr
  %found = load i64, ptr %here_at
  %is_negative = icmp slt i64 %found, 0
  %turned = add i64 %found, %extent
  %index = select i1 %is_negative, i64 %turned, i64 %found
  %inside = icmp ult i64 %index, %extent
  br i1 %inside, label %good, label %wrong
good:
  %bytes = mul i64 %index, %stride
  %offset_next = add i64 %offset, %bytes
  %k_next = add i64 %k, 1
  br label %axis
wrong:
  ret i64 1
write:
  %to_address = add i64 %base, %offset
  %to = inttoptr i64 %to_address to ptr
  %from_address = add i64 %base, %value
  %from = inttoptr i64 %from_address to ptr
  switch i64 %kind, label %copy [ i64 1, label %doubles i64 2, label %floats ]
copy:
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %size, i1 false)
  br label %written
doubles:
  %d = phi i64 [ 0, %write ], [ %d_next, %double ]
  %is_double = icmp ult i64 %d, %size
  br i1 %is_double, label %double, label %written
double:
  %d_to = getelementptr double, ptr %to, i64 %d
  %d_from = getelementptr double, ptr %from, i64 %d
  %d_old = load double, ptr %d_to
  %d_more = load double, ptr %d_from
  %d_sum = fadd double %d_old, %d_more
  store double %d_sum, ptr %d_to
  %d_next = add i64 %d, 1
  br label %doubles
floats:
  %f = phi i64 [ 0, %write ], [ %f_next, %float ]
  %is_float = icmp ult i64 %f, %size
  br i1 %is_float, label %float, label %written
float:
  %f_to = getelementptr float, ptr %to, i64 %f
  %f_from = getelementptr float, ptr %from, i64 %f
  %f_old = load float, ptr %f_to
  %f_more = load float, ptr %f_from
  %f_sum = fadd float %f_old, %f_more
  store float %f_sum, ptr %f_to
  %f_next = add i64 %f, 1
  br label %floats
written:
  %rank_words = mul i64 %rank, 3
  %words = add i64 %rank_words, 5
  %head_next = getelementptr i64, ptr %head, i64 %words
  %u_next = add i64 %u, 1
  br label %next
end:
  ret i64 0
}
"""

TEXT = """
define i64 @drive(ptr %body, ptr %even, ptr %odd, ptr %moves, i64 %count, ptr %number, i64 %by, i64 %steps, i64 %turn, ptr %condition, ptr %condition_even, ptr %condition_odd, ptr %goes_on, ptr %done, ptr %updates, i64 %updates_count, i64 %base) nounwind {
entry:
  %asks = icmp ne ptr %condition, null
  br label %again
again:
  %k = phi i64 [ 0, %entry ], [ %next, %moved ]
  %left = icmp ult i64 %k, %steps
  br i1 %left, label %begin, label %end
begin:
  %place = add i64 %k, %turn
  %bit = and i64 %place, 1
  %is_odd = icmp ne i64 %bit, 0
  br i1 %asks, label %ask, label %run
ask:
  %question = select i1 %is_odd, ptr %condition_odd, ptr %condition_even
  %asked = call i64 %condition(ptr %question)
  %answered = icmp eq i64 %asked, 0
  br i1 %answered, label %look, label %failed
look:
  %answer = load i8, ptr %goes_on
  %yes = icmp ne i8 %answer, 0
  br i1 %yes, label %run, label %end
run:
  %table = select i1 %is_odd, ptr %odd, ptr %even
  %status = call i64 %body(ptr %table)
  %good = icmp eq i64 %status, 0
  br i1 %good, label %update, label %failed
update:
  %updated = call i64 @update(ptr %updates, i64 %updates_count, i64 %base)
  %fits = icmp eq i64 %updated, 0
  br i1 %fits, label %move, label %failed
move:
  %m = phi i64 [ 0, %update ], [ %m_next, %shift ]
  %more = icmp ult i64 %m, %count
  br i1 %more, label %shift, label %moved
shift:
  %pair = shl i64 %m, 1
  %slot_at = getelementptr i64, ptr %moves, i64 %pair
  %slot = load i64, ptr %slot_at
  %bytes_at = getelementptr i64, ptr %slot_at, i64 1
  %bytes = load i64, ptr %bytes_at
  %pointer_at = getelementptr i64, ptr %table, i64 %slot
  %pointer = load i64, ptr %pointer_at
  %there = add i64 %pointer, %bytes
  store i64 %there, ptr %pointer_at
  %m_next = add i64 %m, 1
  br label %move
moved:
  %n = load i64, ptr %number
  %n_next = add i64 %n, %by
  store i64 %n_next, ptr %number
  %next = add i64 %k, 1
  br label %again
failed:
  %why = phi i64 [ %asked, %ask ], [ %status, %run ], [ %updated, %update ]
  store i64 %k, ptr %done
  ret i64 %why
end:
  store i64 %k, ptr %done
  ret i64 0
}
"""  # noqa: E501
