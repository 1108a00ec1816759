"""Workers in the process of the test: the same worker, driver and records as on Ray, without Ray."""

import asyncio
import itertools
import json

from skvm.cluster.lane import LaneLostError
from skvm.cluster.opening import worker_order
from skvm.cluster.worker import Worker

NUMBERS = itertools.count(1)


class HereLane:
    """A worker that is an object here; ``kill`` is what a lost node looks like from the driver."""

    def __init__(self, order, **changes):
        self.worker = Worker(order.model_dump_json(by_alias=True))
        self.number = next(NUMBERS)
        self.changes = changes
        self.lost = asyncio.Event()
        self.tasks = set()
        self.asked = []
        self.orders = []

    def submit(self, method, *given):
        self.asked.append(method)
        if method == "run":
            self.orders.append(json.loads(given[0]))
        if self.lost.is_set():
            raise LaneLostError("gone before it was asked")
        task = asyncio.ensure_future(getattr(self.worker, method)(*given))
        self.tasks.add(task)

        async def wait():
            lost = asyncio.ensure_future(self.lost.wait())
            await asyncio.wait([task, lost], return_when=asyncio.FIRST_COMPLETED)
            lost.cancel()
            if self.lost.is_set():
                raise LaneLostError("gone")
            answer = task.result()
            if method == "hello":
                return json.dumps({**json.loads(answer), "node": f"n{self.number}", **self.changes})
            return answer

        return wait

    def kill(self):
        self.lost.set()
        for task in self.tasks:
            task.cancel()

    def end(self):
        self.kill()


class Lanes:
    """Starts workers here and keeps them for a look."""

    def __init__(self, settings, slots=2, **changes):
        self.order = worker_order(settings, slots, is_ours=True)
        self.changes = changes
        self.started = []

    def __call__(self):
        lane = HereLane(self.order, **self.changes)
        self.started.append(lane)
        return lane
