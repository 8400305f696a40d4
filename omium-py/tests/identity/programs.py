"""Generated programs: every call says by its value what it was given, so that a wrong answer shows."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import omium

from .plan import Node, Plan
from .world import ACT, STEP, current

Got = list[Any]
"""What a piece of a program came to: values, each with the name of the time it was made."""


class Boom(Exception):
    """What steps fail with."""


class Desk:
    """An object with steps for methods, told apart by its fields."""

    def __init__(self, owner: str, level: int) -> None:
        self.owner = owner
        self.level = level

    @omium.step
    def ask(self, n: int) -> list[str]:
        return done(f"ask {self.owner} {self.level} {n}")


class Hooked(Desk):
    """One that says itself what tells it apart."""

    def __init__(self, owner: str, level: int) -> None:
        super().__init__(owner, level)
        self.lock = threading.Lock()

    def __omium_key__(self) -> Any:
        return [self.owner, self.level]


class Client:
    """Nothing that can be recorded: a lock is in it, so its look is not whole."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.inner = {"lock": threading.Lock(), "of": [url]}


def done(label: str) -> list[str]:
    return [label, current().did(STEP, label)]


@omium.step
def plain(name: str, n: int) -> list[str]:
    lag()
    return done(f"plain {name} {n}")


@omium.step(name="plain")
def plain_later(name: str, n: int, style: str = "short", *more: int) -> list[str]:
    """The same after somebody added parameters."""
    lag()
    return done(f"plain {name} {n}")


@omium.step(name="aplain")
async def aplain(name: str, n: int) -> list[str]:
    await alag()
    return done(f"aplain {name} {n}")


@omium.step
def post(value: str) -> list[str]:
    """Of values that came in any order. Of equal calls beside each other anybody gets either, so not of their times."""
    return done(f"post {value}")


@omium.step
def listed(name: str, n: int) -> dict[str, Any]:
    label, time = done(f"listed {name} {n}")
    return {"of": [label, time], "items": [name] * n}


@omium.step
def counted(items: list[str]) -> list[str]:
    return done(f"counted {','.join(items)}")


@omium.step
def failing(name: str) -> None:
    label, time = done(f"failing {name}")
    raise Boom(f"{label}|{time}")


@omium.step
def through(client: Client, n: int) -> list[str]:
    return done(f"through {client.url} {n}")


@omium.step(key=("n",))
def beside(client: Client, n: int) -> list[str]:
    """The client counts for nothing."""
    return done(f"beside {n}")


@omium.effect(probe=lambda client, n, idempotency_key: _happened(f"send {client.url} {n}", idempotency_key))
def send(client: Client, n: int) -> list[str]:
    return acted(f"send {client.url} {n}")


@omium.step
def nested(plan: str) -> list[Any]:
    return [done(f"nested {plan}"), PROGRAM.get().in_turn(PROGRAM.get().plan.nested[plan])]


@omium.step(name="anested")
async def anested(plan: str) -> list[Any]:
    return [done(f"nested {plan}"), await PROGRAM.get().ain_turn(PROGRAM.get().plan.nested[plan])]


def acted(label: str) -> list[str]:
    key = omium.idempotency_key()
    current().did(ACT, label, key)
    return [label, key]


def _happened(label: str, key: str) -> list[str] | None:
    return [label, key] if current().has(ACT, key) else None


@omium.effect(probe=lambda name, n, idempotency_key: _happened(f"pay {name} {n}", idempotency_key))
def pay(name: str, n: int) -> list[str]:
    lag()
    return acted(f"pay {name} {n}")


@omium.effect(key="order", probe=lambda order, idempotency_key: _happened(f"ship {order}", idempotency_key))
def ship(order: str, note: str) -> list[str]:
    return acted(f"ship {order}")


def lag() -> None:
    draw = PROGRAM.get().chance.random()
    if draw < 0.1:
        time.sleep(draw / 200)


async def alag() -> None:
    draw = PROGRAM.get().chance.random()
    if draw < 0.15:
        await asyncio.sleep(draw / 100)
    for _ in range(int(draw * 6)):
        await asyncio.sleep(0)


def plain_value(value: Any) -> Any:
    """A value without the times at which its parts were made."""
    if _is_timed(value):
        return value[0]
    return [plain_value(each) for each in value] if isinstance(value, list) else value


def times(value: Any) -> Iterator[str]:
    """Those alone."""
    if _is_timed(value):
        yield f"{value[0]} ({value[1]})"
    elif isinstance(value, list):
        for each in value:
            yield from times(each)


def _is_timed(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)


class _Here:
    """The program that runs; threads of one process run one at a time."""

    def __init__(self) -> None:
        self._program: Program | None = None

    def get(self) -> Program:
        assert self._program is not None
        return self._program

    def set(self, program: Program) -> None:
        self._program = program


PROGRAM = _Here()


class Program:
    """One run of a plan. `chance` decides what must not matter: who starts first, and who is slow."""

    def __init__(self, plan: Plan, chance: random.Random, *, run: int = 0, seen: set[str] | None = None) -> None:
        self.plan = plan
        self.chance = chance
        self.run_number = run
        self.seen = set() if seen is None else seen
        """The times of what code at the top has got."""
        self.clients: dict[str, Client] = {}
        self.lock = threading.Lock()
        PROGRAM.set(self)

    def run(self) -> Got:
        return (
            asyncio.run(self._arun()) if self.plan.is_async else [self._back(self.do(each)) for each in self._parts()]
        )

    async def _arun(self) -> Got:
        return [self._back(await self.ado(each)) for each in self._parts()]

    def _parts(self) -> tuple[Node, ...]:
        return self.plan.root.children

    def _back(self, value: Got) -> Got:
        """It has come back, so it is on record."""
        self.seen.update(times(value))
        return value

    def do(self, node: Node) -> Got:
        if node.what == "nested":
            return [nested(node.label)]
        result: Got = getattr(self, node.what)(node)
        return result

    async def ado(self, node: Node) -> Got:
        if node.what == "nested":
            return [await anested(node.label)]
        if node.what == "plain" and node.number != 1:
            return await aplain(node.label, node.number)
        method = getattr(self, f"a{node.what}", None)
        result: Got = await method(node) if method is not None else self.do(node)
        return result

    def in_turn(self, node: Node) -> Got:
        return [self.do(each) for each in node.children]

    async def ain_turn(self, node: Node) -> Got:
        return [await self.ado(each) for each in node.children]

    def loop(self, node: Node) -> Got:
        return [self.do(node.children[0]) for _ in range(node.number)]

    async def aloop(self, node: Node) -> Got:
        return [await self.ado(node.children[0]) for _ in range(node.number)]

    # Calls.

    def plain(self, node: Node) -> Got:
        step = plain_later if self.run_number % 2 else plain
        return step(node.label, node.number)

    def method(self, node: Node) -> Got:
        return Desk(node.label, node.number).ask(0)

    def hooked(self, node: Node) -> Got:
        return Hooked(node.label, node.number).ask(1)

    def changed(self, node: Node) -> Got:
        """What a step returned is the program's own to change."""
        value = listed(node.label, node.number)
        value["items"].append("more")
        return [value["of"], counted(value["items"])]

    def grown(self, node: Node) -> Got:
        items: list[str] = []
        found = []
        for _ in range(node.number + 1):
            items.append(node.label)
            found.append(counted(items))
        return found

    def failing(self, node: Node) -> Got:
        try:
            failing(node.label)
        except Boom as error:
            return [str(error).split("|"), plain(f"after {node.label}", node.number)]
        raise AssertionError("it fails always")

    def again(self, node: Node) -> Got:
        """The same call once more after it failed."""
        found = []
        for _ in range(2):
            try:
                failing(f"again {node.label}")
            except Boom as error:
                found.append(str(error).split("|"))
        return [*found, plain(f"then {node.label}", 0)]

    def effect(self, node: Node) -> Got:
        return pay(node.label, node.number)

    def keyed(self, node: Node) -> Got:
        return ship(f"{node.label}{node.number}", f"in run {self.run_number}")

    def opaque(self, node: Node) -> Got:
        return through(self.client(node), 1)

    def sent(self, node: Node) -> Got:
        return send(self.client(node), 2)

    def beside(self, node: Node) -> Got:
        return beside(Client(f"of run {self.run_number}"), node.number)

    def client(self, node: Node) -> Client:
        """One for each url, as a program has: two that look the same and are not whole would be refused."""
        with self.lock:
            return self.clients.setdefault(f"{node.label}:{node.number}", Client(f"{node.label}:{node.number}"))

    # Threads.

    def shuffled(self, node: Node) -> list[tuple[int, Node]]:
        """The children, in whatever order they are started in this run."""
        children = list(enumerate(node.children))
        self.chance.shuffle(children)
        return children

    def pool_map(self, node: Node) -> Got:
        with ThreadPoolExecutor(2) as pool:
            order = self.shuffled(node)
            found = dict(zip([n for n, _ in order], pool.map(self.do, [each for _, each in order]), strict=True))
        return [found[n] for n in range(len(node.children))]

    def threads(self, node: Node) -> Got:
        found: dict[int, Got] = {}
        errors: list[BaseException] = []

        def work(n: int, each: Node) -> None:
            try:
                found[n] = self.do(each)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=each) for each in self.shuffled(node)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if errors:
            raise errors[0]
        return [found[n] for n in range(len(node.children))]

    def pool_completed(self, node: Node) -> Got:
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(self.do, each) for _, each in self.shuffled(node)]
            found = [[value := each.result(), post(value[0])] for each in as_completed(futures)]
        return sorted(found, key=str)

    # Tasks.

    async def agather(self, node: Node) -> Got:
        order = self.shuffled(node)
        values = await asyncio.gather(*(self.ado(each) for _, each in order))
        found = dict(zip([n for n, _ in order], values, strict=True))
        return [found[n] for n in range(len(node.children))]

    async def acompleted(self, node: Node) -> Got:
        tasks = [self.ado(each) for _, each in self.shuffled(node)]
        found = []
        for each in asyncio.as_completed(tasks):
            value = await each
            found.append([value, post(value[0])])
        return sorted(found, key=str)

    async def afirst(self, node: Node) -> Got:
        left = {asyncio.ensure_future(self.ado(each)) for _, each in self.shuffled(node)}
        found = []
        while left:
            ended, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for each in sorted(ended, key=lambda task: str(task.result()[0])):
                value = each.result()
                found.append([value, post(value[0])])
        return sorted(found, key=str)

    async def aworkers(self, node: Node) -> Got:
        queue: asyncio.Queue[Node] = asyncio.Queue()
        for each in node.children:
            queue.put_nowait(each)
        found = []

        async def work() -> None:
            while not queue.empty():
                value = await self.ado(queue.get_nowait())
                found.append([value, post(value[0])])

        await asyncio.gather(work(), work())
        return sorted(found, key=str)

    async def ato_thread(self, node: Node) -> Got:
        return await self._off(node, lambda each: asyncio.to_thread(self.do, each))

    async def aexecutor(self, node: Node) -> Got:
        loop = asyncio.get_running_loop()
        return await self._off(node, lambda each: loop.run_in_executor(None, self.do, each))

    async def _off(self, node: Node, start: Callable[[Node], Awaitable[Got]]) -> Got:
        order = self.shuffled(node)
        values = await asyncio.gather(*(start(each) for _, each in order))
        found = dict(zip([n for n, _ in order], values, strict=True))
        return [found[n] for n in range(len(node.children))]
