"""The machine code that runs a body again and again: LLVM IR as text.

Enters: nothing (the text depends on the triple alone).  Leaves: one function,

    i64 drive(ptr body, ptr even, ptr odd, ptr moves, i64 count_of_moves, ptr number, i64 by,
              i64 steps, i64 turn, ptr condition, ptr condition_even, ptr condition_odd,
              ptr goes_on, ptr done)

A body is a program, `i64 body(ptr slots)`.  It is called with two tables of slots by turns: what
one step writes as its carry, the next one reads, and no pointer is exchanged.  After a step,
`moves` (pairs of a slot and of bytes, for the table that was used) lead to the rows of the step
after the next, and `number`, which counts the steps, grows by `by`.  Before each step the
condition, if there is one, is called likewise; it writes a byte to `goes_on`.  `turn` is 1 where
the odd table comes first.  Gives 0, or the status of a program that failed; `done` is how many
steps were made.
"""

from __future__ import annotations

from .targets import Target


def module_text(target: Target) -> str:
    """The module."""
    return f'target triple = "{target.triple}"\n{TEXT}'


TEXT = """
define i64 @drive(ptr %body, ptr %even, ptr %odd, ptr %moves, i64 %count, ptr %number, i64 %by, i64 %steps, i64 %turn, ptr %condition, ptr %condition_even, ptr %condition_odd, ptr %goes_on, ptr %done) nounwind {
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
  br i1 %good, label %move, label %failed
move:
  %m = phi i64 [ 0, %run ], [ %m_next, %shift ]
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
  %why = phi i64 [ %asked, %ask ], [ %status, %run ]
  store i64 %k, ptr %done
  ret i64 %why
end:
  store i64 %k, ptr %done
  ret i64 0
}
"""  # noqa: E501
