"""The machine code that runs several programs one after the other: LLVM IR as text.

Enters: in which slots of the whole program its workspace and its table are.  Leaves: a module with
`i64 program(ptr slots)`, as every program is called.  The table, 64-bit integers:

    count of pieces; for each: address of its code, how many slots it has, address of their
    template, address of moves, how many, where in the workspace its slots are to be
    count of copies; address of copies

A move is a slot, a kind and a number: the caller's slot of that number (kind 0), that many bytes
into the workspace (1), or the number itself (2).  A copy is the caller's slot to copy to, the same
for what is copied, and how many 8-byte words and bytes it has.
"""

from __future__ import annotations

from .targets import Target

PIECE = 6  # integers of the table for each piece

# Where something is: the caller's slot of a number (kind 0), that many bytes into the workspace
# (1), or the number itself (2).
SOURCE = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define internal i64 @source(ptr %slots, i64 %base, i64 %kind, i64 %number) alwaysinline nounwind {
  %is_slot = icmp eq i64 %kind, 0
  br i1 %is_slot, label %slot, label %other
slot:
  %at = getelementptr i64, ptr %slots, i64 %number
  %found = load i64, ptr %at
  ret i64 %found
other:
  %is_inside = icmp eq i64 %kind, 1
  %inside = add i64 %base, %number
  %chosen = select i1 %is_inside, i64 %inside, i64 %number
  ret i64 %chosen
}
"""


def module_text(target: Target, workspace: int, table: int) -> str:
    """The module."""
    text = TEXT.replace("WORKSPACE", str(workspace)).replace("TABLE", str(table))
    return f'target triple = "{target.triple}"\n{SOURCE}{text}'


TEXT = """
define i64 @program(ptr %slots) nounwind {
entry:
  %base_at = getelementptr i64, ptr %slots, i64 WORKSPACE
  %base = load i64, ptr %base_at
  %table_at = getelementptr i64, ptr %slots, i64 TABLE
  %table = load ptr, ptr %table_at
  %count = load i64, ptr %table
  br label %piece
piece:
  %p = phi i64 [ 0, %entry ], [ %p_next, %ran ]
  %p_at = mul i64 %p, 6
  %p_first = add i64 %p_at, 1
  %head = getelementptr i64, ptr %table, i64 %p_first
  %is_piece = icmp ult i64 %p, %count
  br i1 %is_piece, label %fill, label %copies
fill:
  %code = load ptr, ptr %head
  %width_at = getelementptr i64, ptr %head, i64 1
  %width = load i64, ptr %width_at
  %template_at = getelementptr i64, ptr %head, i64 2
  %template = load ptr, ptr %template_at
  %moves_at = getelementptr i64, ptr %head, i64 3
  %moves = load ptr, ptr %moves_at
  %moves_count_at = getelementptr i64, ptr %head, i64 4
  %moves_count = load i64, ptr %moves_count_at
  %own_at = getelementptr i64, ptr %head, i64 5
  %own_offset = load i64, ptr %own_at
  %own_address = add i64 %base, %own_offset
  %own = inttoptr i64 %own_address to ptr
  %own_bytes = shl i64 %width, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %own, ptr %template, i64 %own_bytes, i1 false)
  br label %move
move:
  %m = phi i64 [ 0, %fill ], [ %m_next, %moved ]
  %is_move = icmp ult i64 %m, %moves_count
  br i1 %is_move, label %moved, label %run
moved:
  %m_at = mul i64 %m, 3
  %m_slot_at = getelementptr i64, ptr %moves, i64 %m_at
  %m_slot = load i64, ptr %m_slot_at
  %m_kind_at = getelementptr i64, ptr %m_slot_at, i64 1
  %m_kind = load i64, ptr %m_kind_at
  %m_number_at = getelementptr i64, ptr %m_slot_at, i64 2
  %m_number = load i64, ptr %m_number_at
  %m_value = call i64 @source(ptr %slots, i64 %base, i64 %m_kind, i64 %m_number)
  %m_to = getelementptr i64, ptr %own, i64 %m_slot
  store i64 %m_value, ptr %m_to
  %m_next = add i64 %m, 1
  br label %move
run:
  %status = call i64 %code(ptr %own)
  %good = icmp eq i64 %status, 0
  br i1 %good, label %ran, label %failed
ran:
  %p_next = add i64 %p, 1
  br label %piece
failed:
  ret i64 %status
copies:
  %copies_count = load i64, ptr %head
  %list_at = getelementptr i64, ptr %head, i64 1
  %list = load ptr, ptr %list_at
  br label %copy
copy:
  %c = phi i64 [ 0, %copies ], [ %c_next, %copied ]
  %is_copy = icmp ult i64 %c, %copies_count
  br i1 %is_copy, label %copied, label %done
copied:
  %c_at = mul i64 %c, 4
  %c_slot_at = getelementptr i64, ptr %list, i64 %c_at
  %c_slot = load i64, ptr %c_slot_at
  %c_kind_at = getelementptr i64, ptr %c_slot_at, i64 1
  %c_kind = load i64, ptr %c_kind_at
  %c_number_at = getelementptr i64, ptr %c_slot_at, i64 2
  %c_number = load i64, ptr %c_number_at
  %c_bytes_at = getelementptr i64, ptr %c_slot_at, i64 3
  %c_bytes = load i64, ptr %c_bytes_at
  %c_from = call i64 @source(ptr %slots, i64 %base, i64 %c_kind, i64 %c_number)
  %c_to = call i64 @source(ptr %slots, i64 %base, i64 0, i64 %c_slot)
  %c_from_pointer = inttoptr i64 %c_from to ptr
  %c_to_pointer = inttoptr i64 %c_to to ptr
  call void @llvm.memcpy.p0.p0.i64(ptr %c_to_pointer, ptr %c_from_pointer, i64 %c_bytes, i1 false)
  %c_next = add i64 %c, 1
  br label %copy
done:
  ret i64 0
}
"""
