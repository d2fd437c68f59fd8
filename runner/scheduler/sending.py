"""What a committed turn tells the agents about attempts: which start, which end, which outcomes are known."""

from __future__ import annotations

from collections.abc import Callable

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.scheduler.changes import Changes
from runner.scheduler.instances import Task
from runner.scheduler.link import Hub

STOP_GRACE = 5.0


def queue_orders(changes: Changes, hub: Hub, make_workload: Callable[[Task], Message]) -> None:
    """Queue it link by link; what is for an agent that is gone is told when it is back (`reports.reconcile`)."""
    for key, tasks in changes.starts.items():
        link = hub.links.get(key)
        if link is not None:
            link.held.update(task.attempt for task in tasks if task.attempt)
            hub.queue(link, messages.run([make_workload(task) for task in tasks]))
    for key, workloads in changes.callback_starts.items():
        link = hub.links.get(key)
        if link is not None:
            link.held.update(work["attempt"] for work in workloads)
            hub.queue(link, messages.run(workloads))
    for order in changes.stops:
        link = hub.find(order.agent)
        if link is not None:
            hub.queue(link, messages.stop(order.attempt, STOP_GRACE, order.reason))
    for key, known in changes.acks.items():
        link = hub.links.get(key)
        if link is not None:
            link.held.difference_update(known)
            hub.queue(link, messages.ack(known))
