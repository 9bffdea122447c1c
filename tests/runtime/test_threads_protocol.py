"""The thread pool's protocol as a model, over all interleavings of small teams.

The states are those of `adjoint.runtime.threads`; each step is one access to what is shared, or one
call of the kernel.  Faults that the protocol must not have are put in one by one, to show that the
model finds them.  Memory orders are not modelled: steps are seen by all in one order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest


class Door(NamedTuple):
    epoch: int = 0
    seats: int = 0
    inside: int = 0
    awaited: bool = False
    owned: bool = False
    closed: bool = False


class Worker(NamedTuple):
    at: str = "look"
    seen: int = -1  # the epoch that it knows
    door: Door = Door()  # as it last saw it
    job: int = -1
    index: int = 0


class Caller(NamedTuple):
    jobs: tuple[int, ...]  # still to be done; -1: end the team
    at: str = "idle"
    door: Door = Door()
    seats: int = 0
    index: int = 0


class State(NamedTuple):
    door: Door
    job: int  # number of the job in the cells, -1 while they are being written
    next: int
    sleepers: int
    workers: tuple[Worker, ...]
    callers: tuple[Caller, ...]
    runs: tuple[tuple[int, ...], ...]  # by job and index: how often it ran


class Broken(Exception):
    """The protocol failed."""


FAULTS = {
    "sleeps without comparing": "asleep for ever|lost wake-up",
    "no sleepers counted": "asleep for ever|lost wake-up",
    "sleepers read before the door opens": "lost wake-up",
    "closes with the old epoch": "asleep for ever",
    "does not wait for those inside": "of a job that is over|more left than entered",
    "caller sleeps without asking to be woken": "asleep for ever",
    "enters without looking for a seat": "more left than entered",
    "a shut door keeps its seats": "more left than entered",
}


def explore(
    workers: int, callers: list[tuple[int, ...]], counts: list[int], fault: str = ""
) -> int:
    """Every state that can be reached; gives their number, raises `Broken`."""
    first = State(
        Door(),
        -1,
        0,
        0,
        (Worker(),) * workers,
        tuple(Caller(jobs) for jobs in callers),
        tuple((0,) * n for n in counts),
    )
    found, todo = {first}, [first]
    while todo:
        state = todo.pop()
        after = list(successors(state, counts, fault))
        if not after:
            callers_done = all(c.at == "idle" and not c.jobs for c in state.callers)
            if not callers_done or any(w.at != "end" for w in state.workers):
                raise Broken(f"asleep for ever: {state}")
            if any(n != 1 for row in state.runs for n in row):
                raise Broken(f"not once: {state.runs}")
        for each in after:
            if each not in found:
                found.add(each)
                todo.append(each)
    return len(found)


def successors(s: State, counts: list[int], fault: str) -> Iterator[State]:
    for k, worker in enumerate(s.workers):
        for changed, now in worker_steps(s, worker, counts, fault):
            yield changed._replace(workers=(*s.workers[:k], now, *s.workers[k + 1 :]))
    for k, caller in enumerate(s.callers):
        for changed, mine in caller_steps(s, caller, counts, fault):
            yield changed._replace(callers=(*changed.callers[:k], mine, *changed.callers[k + 1 :]))


def ran(s: State, job: int, index: int) -> State:
    if job < 0:
        raise Broken(f"a job was read while it is written: {s}")
    if s.runs[job][index] or not any(c.jobs and c.jobs[0] == job for c in s.callers):
        raise Broken(f"an index of a job that is over, or ran: {s}")
    row = (*s.runs[job][:index], 1, *s.runs[job][index + 1 :])
    return s._replace(runs=(*s.runs[:job], row, *s.runs[job + 1 :]))


def worker_steps(
    s: State, w: Worker, counts: list[int], fault: str
) -> Iterator[tuple[State, Worker]]:
    door = s.door
    match w.at:
        case "look" if door.epoch == w.seen:  # spins on, or is tired
            yield s, w._replace(at="announce")
        case "look" if door.closed:
            yield s, w._replace(at="end")
        case "look" if not door.seats and fault != "enters without looking for a seat":
            yield s, w._replace(seen=door.epoch)
        case "look":
            yield s, w._replace(at="enter", door=door)
        case "announce":
            more = int(fault != "no sleepers counted")
            yield s._replace(sleepers=s.sleepers + more), w._replace(at="futex")
        case "futex":  # the kernel compares and puts to sleep in one step
            stays = door.epoch == w.seen or fault == "sleeps without comparing"
            yield s, w._replace(at="asleep" if stays else "woken")
        case "woken":
            less = int(fault != "no sleepers counted")
            yield s._replace(sleepers=s.sleepers - less), w._replace(at="look")
        case "enter" if door != w.door:
            yield s, w._replace(at="look", door=Door())
        case "enter":
            taken = door._replace(seats=max(0, door.seats - 1), inside=door.inside + 1)
            yield s._replace(door=taken), w._replace(at="read", seen=door.epoch, door=Door())
        case "read":
            yield s, w._replace(at="take", job=s.job)
        case "take":
            count = counts[w.job] if w.job >= 0 else 1
            at = "body" if s.next < count else "leave"
            yield s._replace(next=s.next + 1), w._replace(at=at, index=s.next)
        case "body":
            yield ran(s, w.job, w.index), w._replace(at="take", index=0)
        case "leave":
            if not door.inside:
                raise Broken(f"more left than entered: {s}")
            last = door.awaited and door.inside == 1
            left = s._replace(door=door._replace(inside=door.inside - 1))
            yield left, w._replace(at="call" if last else "look", job=-1, index=0)
        case "call":
            callers = tuple(c._replace(at="awaiting") if c.at == "asleep" else c for c in s.callers)
            yield s._replace(callers=callers), w._replace(at="look")


def caller_steps(
    s: State, c: Caller, counts: list[int], fault: str
) -> Iterator[tuple[State, Caller]]:
    door = s.door
    match c.at:
        case "idle" if c.jobs and c.jobs[0] < 0:
            if not door.owned:  # else tries again: a loop in Python
                yield s, c._replace(at="close", door=door)
        case "close" if door != c.door:
            yield s, c._replace(at="idle")
        case "close":
            epoch = door.epoch + (fault != "closes with the old epoch")
            yield s._replace(door=Door(epoch, closed=True)), c._replace(at="wake all")
        case "wake all":
            woken = tuple(w._replace(at="woken") if w.at == "asleep" else w for w in s.workers)
            yield s._replace(workers=woken), c._replace(at="idle", jobs=c.jobs[1:])
        case "idle" if c.jobs and (door.owned or door.closed):
            yield alone(s, c, counts)
        case "idle" if c.jobs:
            yield s, c._replace(at="own", door=door)
        case "own" if door != c.door:
            yield alone(s, c, counts)
        case "own":
            yield s._replace(door=door._replace(owned=True)), c._replace(at="write", door=door)
        case "write":
            yield s._replace(job=-1), c._replace(at="written")
        case "written":
            seats = min(len(s.workers), counts[c.jobs[0]] - 1)
            at = "open"
            if fault == "sleepers read before the door opens":
                seats, at = seats * 100 + s.sleepers, "open"
            yield s._replace(job=c.jobs[0], next=0), c._replace(at=at, seats=seats)
        case "open":
            seats = c.seats // 100 if fault.startswith("sleepers read") else c.seats
            opened = Door(c.door.epoch + 1, seats, owned=True)
            yield s._replace(door=opened), c._replace(at="wake")
        case "wake":
            seats, sleepers = c.seats, s.sleepers
            if fault.startswith("sleepers read"):
                seats, sleepers = divmod(c.seats, 100)
            asleep = [k for k, w in enumerate(s.workers) if w.at == "asleep"]
            wanted = max(0, min(seats - (len(s.workers) - sleepers), len(asleep)))
            for chosen in itertools.combinations(asleep, wanted):
                woken = tuple(
                    w._replace(at="woken") if k in chosen else w for k, w in enumerate(s.workers)
                )
                if sum(w.at == "asleep" for w in woken) > len(woken) - seats:
                    raise Broken(f"lost wake-up: {s}")
                yield s._replace(workers=woken), c._replace(at="take", door=Door(), seats=0)
        case "take":
            at = "body" if s.next < counts[c.jobs[0]] else "shut"
            yield s._replace(next=s.next + 1), c._replace(at=at, index=s.next)
        case "body":
            yield ran(s, c.jobs[0], c.index), c._replace(at="take", index=0)
        case "shut":
            seats = door.seats if fault == "a shut door keeps its seats" else 0
            shut = s._replace(door=door._replace(seats=seats))
            ready = not door.inside or fault == "does not wait for those inside"
            yield shut, c._replace(at="give" if ready else "spin", index=0)
        case "spin":
            yield s, c._replace(at="await" if door.inside else "give")
        case "await":
            asks = fault != "caller sleeps without asking to be woken"
            now = door._replace(awaited=asks)
            yield s._replace(door=now), c._replace(at="check", door=now)
        case "check":
            yield s, c._replace(at="futex" if c.door.inside else "give")
        case "futex":  # the kernel compares all but the epoch
            yield s, c._replace(at="asleep" if door[1:] == c.door[1:] else "awaiting")
        case "awaiting":
            yield s, c._replace(at="check", door=door)
        case "give":
            given = s._replace(door=Door(door.epoch, door.seats, 0))
            yield given, c._replace(at="idle", jobs=c.jobs[1:], door=Door())


def alone(s: State, c: Caller, counts: list[int]) -> tuple[State, Caller]:
    """The caller runs its job by itself: nothing of that is shared."""
    for index in range(counts[c.jobs[0]]):
        s = ran(s, c.jobs[0], index)
    return s, c._replace(at="idle", jobs=c.jobs[1:], door=Door())


MODELS = {
    "two jobs": (2, [(0, 1, -1)], [3, 2]),
    "fewer seats than workers": (2, [(0, 1, 2, -1)], [2, 2, 2]),
    "two callers, and an end": (1, [(0, 1), (2,), (-1,)], [2, 2, 2]),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_protocol_over_all_interleavings(name: str) -> None:
    assert explore(*MODELS[name]) > 1000


@pytest.mark.parametrize("fault", FAULTS)
def test_the_model_finds_faults(fault: str) -> None:
    with pytest.raises(Broken, match=FAULTS[fault]):
        for model in MODELS.values():
            explore(*model, fault=fault)
