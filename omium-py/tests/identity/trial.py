"""One program: run calm, then killed and run again to its end. What came out, and what was done, must be the same."""

from __future__ import annotations

import os
import random
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import omium
from omium._session import Session
from omium.runtime import _boundary

from . import world as outside
from .plan import Plan
from .programs import Program, plain_value, times
from .world import ACT, STEP, Dead, World

RUNS_MAX = 12
DEATHS_MAX = 3


class Calm:
    """What the program is without omium: its value, and what it does outside."""

    def __init__(self, made: Plan) -> None:
        world = World()
        outside.enter(world)
        self.value = plain_value(Program(made, random.Random(made.number)).run())
        self.steps, self.acts = world.count(STEP), world.count(ACT)
        self.moments = 8 * self.steps.total() + 12 * self.acts.total()


class Trial:
    """Dies at moments that `chance` draws, a few times; then it is run until it ends."""

    def __init__(self, made: Plan, id: str, chance: random.Random) -> None:
        self.plan = made
        self.id = id
        self.chance = chance
        self.calm = Calm(made)
        self.deaths = 0
        self.refusals: list[str] = []

    def in_process(self) -> list[str]:
        """Every promise that was broken, in words."""
        world = World()
        seen: set[str] = set()
        for number in range(RUNS_MAX):
            seed, moment = self.chance.randrange(1 << 30), self._moment(number)
            try:
                with dying(world, moment):
                    value = self._once(world, number, seed, seen)
            except Dead:
                self.deaths += 1
            except omium.OmiumError as error:
                self.refusals.append(f"{type(error).__name__}: {error}")
            else:
                return self._judge(world, value, seen)
            if broken := self._too_much(world):
                return broken
        return self._given_up()

    def killed(self, directory: Path) -> list[str]:
        """The same in processes that are killed."""
        ledger, result = str(directory / "ledger"), directory / "result"
        for number in range(RUNS_MAX):
            seed, moment = self.chance.randrange(1 << 30), self._moment(number)
            child = os.fork()
            if not child:
                status = 1
                try:
                    world = World(ledger)
                    omium.init(store=directory / "store", durability="process", detect=None)
                    with dying(world, moment, by_signal=True):
                        result.write_text(repr(self._once(world, number, seed, set())))
                    status = 0
                except omium.OmiumError as error:
                    result.write_text(f"{type(error).__name__}: {error}")
                    status = 2
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(status)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            world = World(ledger)
            if status == -signal.SIGKILL:
                self.deaths += 1
            elif status == 2:
                self.refusals.append(result.read_text())
            elif status == 0:
                return self._judge(world, eval(result.read_text()), set())  # It is our own.
            else:
                return [f"exit status {status}, see the traceback above"]
            if broken := self._too_much(world):
                return broken
        return self._given_up()

    def _moment(self, number: int) -> int:
        """0: this run is left to end."""
        dies = self.deaths < DEATHS_MAX and number < DEATHS_MAX + 2 and self.chance.random() < 0.85
        return self.chance.randint(1, max(self.calm.moments // (number + 1), 4)) if dies else 0

    def _once(self, world: World, number: int, seed: int, seen: set[str]) -> Any:
        outside.enter(world)
        with omium.execution(self.id, workflow="identity"):
            program = Program(self.plan, random.Random(seed), run=number, seen=seen)
            return program.run()

    def _given_up(self) -> list[str]:
        return [] if self.plan.takes_what_completes else [f"refused again and again: {self.refusals[-1]}"]

    def _judge(self, world: World, value: Any, seen: set[str]) -> list[str]:
        return [*self._value(value), *self._times(value, seen), *self._too_much(world), *self._too_little(world)]

    def _value(self, value: Any) -> Iterator[str]:
        if plain_value(value) != self.calm.value:
            yield f"came to {plain_value(value)!r}, calm to {self.calm.value!r}"

    def _times(self, value: Any, seen: set[str]) -> Iterator[str]:
        """No record answers two calls, and what the program had got once is what it gets."""
        got = Counter(times(value))
        yield from (f"{each} answers {count} calls" for each, count in got.items() if count > 1)
        # A failure gives its place back: of equal calls that fail beside each other in threads one may be made again.
        lost = {each for each in seen - got.keys() if not each.startswith("failing")}
        yield from (f"{each} was recorded, and made again" for each in sorted(lost))

    def _too_much(self, world: World) -> list[str]:
        acts, steps = world.count(ACT), world.count(STEP)
        found = [f"{label} was done {acts[label]} times" for label in acts if acts[label] > self.calm.acts[label]]
        found += [f"the effect {key} was done {count} times" for key, count in world.keys().items() if count > 1]
        return found + [f"{label} is nothing that the program does" for label in steps if label not in self.calm.steps]

    def _too_little(self, world: World) -> Iterator[str]:
        acts, steps = world.count(ACT), world.count(STEP)
        yield from (f"{label} was not done" for label in self.calm.acts if acts[label] < self.calm.acts[label])
        yield from (f"{label} never ran" for label in self.calm.steps if steps[label] < self.calm.steps[label])


@contextmanager
def dying(world: World, moment: int, *, by_signal: bool = False) -> Iterator[None]:
    """Within it the program dies at that moment."""
    close, hook = Session._close, threading.excepthook
    sessions: list[Session[Any]] = []

    def drops() -> None:
        for session in sessions:
            session.run.ended = True
            session.run.native.release()

    def opened(self: Session[Any], error: BaseException | None) -> bool:
        return False if world.dead else close(self, error)

    def entered(self: Session[Any]) -> Any:
        sessions.append(self)
        return enter(self)

    enter = Session._entered
    Session._close, Session._entered = opened, entered  # type: ignore[method-assign]
    threading.excepthook = lambda _: None
    _boundary.watcher = world.moment
    world.dies_at(moment, None if by_signal else drops)
    try:
        yield
        if world.dead:
            raise Dead
    except BaseException as error:
        if world.dead and not isinstance(error, KeyboardInterrupt):
            # Whatever a pool, a group or omium made of it.
            raise Dead from error
        raise
    finally:
        world.dies_at(0)
        _boundary.watcher = None
        Session._close, Session._entered = close, enter  # type: ignore[method-assign]
        threading.excepthook = hook
