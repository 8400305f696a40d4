"""A service that charges a card once, whatever happens to it: idempotent POSTs, and runs taken up again at its start.

    python service_fastapi.py 8000
    curl -X POST localhost:8000/orders/17?cents=1900

Post it twice at once, kill the service in the middle with SIGKILL and start it again: there is one charge, and
everybody gets the same receipt. It needs `pip install fastapi uvicorn`.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI, HTTPException

import omium

BANK = Path("bank.txt")
"""Stands for a bank, which knows every charge by its idempotency key."""


def find_charge(idempotency_key: str, **_: object) -> str | None:
    """Asked after a crash: did it happen?"""
    charges = BANK.read_text().splitlines() if BANK.exists() else []
    return next((line for line in charges if line.startswith(idempotency_key)), None)


@omium.effect(key="order_id", probe=find_charge)
def charge(order_id: str, cents: int) -> str:
    line = f"{omium.idempotency_key()} order {order_id}: {cents} cents"
    with BANK.open("a") as bank:
        bank.write(line + "\n")
    time.sleep(1)  # A bank takes its time; a good moment to be killed.
    return line


@omium.step
def confirm(receipt: str) -> dict[str, str]:
    return {"receipt": receipt, "confirmed": time.strftime("%H:%M:%S")}


@omium.workflow
def order(order_id: str, cents: int) -> dict[str, str]:
    return confirm(charge(order_id, cents))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    # What an earlier process left goes on beside the requests; what another worker runs is left to it.
    resuming = asyncio.create_task(omium.aresume_all([order]))
    yield
    resuming.cancel()
    with suppress(asyncio.CancelledError):
        await resuming


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{order_id}")
def post(order_id: str, cents: int) -> dict[str, str]:
    # The id of the order is that of the execution, so it is the idempotency key of the request too.
    run = order.options(id=f"order-{order_id}")
    try:
        return run(order_id, cents)
    except omium.LeaseHeld:
        # The same request came a moment before, here or in another process, or it is being resumed.
        try:
            return omium.get(f"order-{order_id}").result(timeout=30)
        except (TimeoutError, omium.NotFinished) as error:
            raise HTTPException(503, str(error), {"Retry-After": "5"}) from error
    except omium.Divergence as error:
        # The same id with another amount: another order.
        raise HTTPException(409, str(error)) from error


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=30)
