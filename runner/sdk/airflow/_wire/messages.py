"""Every message between engine, agent, zygote and child: one constructor each, and nothing else makes them.

    engine  <->  agent     unix stream socket run/engine.sock; the agent connects and reconnects for ever
    agent   <->  zygote    a socketpair; descriptors ride along
    agent   <->  child     a socketpair; the child asks, the agent answers (or passes the question to the engine)

Times are epoch seconds (float). An attempt's report is kept by the agent until the engine has acknowledged it,
and the engine acknowledges only what it has committed.
"""

from __future__ import annotations

import json
from typing import Any

from .frames import Message

PROTOCOL = 1
AWAITING_INPUT = "airflow:input"
"""The `classpath` of a deferral that no trigger ends but somebody's answer. `kwargs`: {"defaults", "params_input"},
which count when it takes too long."""
SKIP_NOTE = "skipmixin_key"
"""The key of the XCom in which a task keeps whom it skips: {"skipped": [...]}, or all of its direct successors but
{"followed": [...]}. It counts for tasks that are cleared later."""
IMPORT = "import:"
"""What the `attempt` of a request begins with when it is a DAG file that asks, while it is imported."""

# ---- agent -> engine -------------------------------------------------------------------------------------------


def hello(
    agent: str,
    incarnation: str,
    pid: int,
    host: str,
    slots: int,
    attempts: list[str],
    triggers: list[str] | None = None,
) -> Message:
    """First words on a connection. `attempts`: all that this agent holds, living or finished but unacknowledged;
    `triggers`: likewise, those that run and those whose event is not acknowledged.

    `agent` is the agent's name, stable over restarts; `incarnation` is new with each of its processes.
    The reports of finished attempts follow as `finished` messages.
    """
    return {
        "kind": "hello",
        "protocol": PROTOCOL,
        "agent": agent,
        "incarnation": incarnation,
        "pid": pid,
        "host": host,
        "slots": slots,
        "attempts": attempts,
        "triggers": triggers or [],
    }


def started(attempt: str, pid: int, at: float) -> Message:
    """The attempt's process exists."""
    return {"kind": "started", "attempt": attempt, "pid": pid, "at": at}


def finished(attempt: str, outcome: Message) -> Message:
    """The attempt is over and its process is gone or has given its final word. See `outcome`."""
    return {"kind": "finished", "attempt": attempt, "outcome": outcome}


def outcome(
    state: str,
    *,
    started_at: float | None,
    ended_at: float,
    reason: str | None = None,
    retry: bool = True,
    xcoms: dict[str, Any] | None = None,
    exit_code: int | None = None,
    signal: int | None = None,
    lost: bool = False,
    until: float | None = None,
    details: Message | None = None,
) -> Message:
    """How an attempt ended. `state`: success, failed, skipped, up_for_reschedule (with `until`) or deferred.

    A deferral has `details.deferral`: {"classpath", "kwargs", "next_method", "next_kwargs", "timeout"|None}. A success
    may have `details.skip` (task ids), `details.asset_events` ([{"asset": AssetRef, "extra", "alias"|None}], each with
    `partition` when it is not that of the run) and `details.map_index_label`. `details.rendered`: the rendered
    template fields, as text.
    `details.pushed`: XComs that were left before the last word, because they are large: key to length. A failure
    has `details.called_back` when the child has called the task's callbacks itself. `details.reference_at`: what a
    deadline's own reference said, or None.
    `reason` is one line for people. `retry` False: the failure is final whatever tries remain; one that is not may say
    with `until` when the next try is due, in the place of the task's own delay. `xcoms`: key to
    plain JSON value, committed together with the state. `lost`: the process went away without a word of its own.
    """
    return {
        "state": state,
        "started_at": started_at,
        "ended_at": ended_at,
        "reason": reason,
        "retry": retry,
        "xcoms": xcoms or {},
        "exit_code": exit_code,
        "signal": signal,
        "lost": lost,
        "until": until,
        "details": details or {},
    }


def request(attempt: str, id: int, method: str, params: Message) -> Message:
    """A child's question, passed on. Methods: `CHILD_METHODS`. Exactly one `reply` comes back."""
    return {"kind": "request", "attempt": attempt, "id": id, "method": method, "params": params}


def parsed(id: str, file: str, result: Message) -> Message:
    """What became of one DAG file: see `parse_result`."""
    return {"kind": "parsed", "id": id, "file": file, "result": result}


def parse_result(
    dags: list[Message],
    error: str | None,
    seconds: float,
    modules: list[str],
    warnings: list[str],
    asked: dict[str, str] | None = None,
) -> Message:
    """`dags`: serialised DAGs. `error`: the import error as the user should read it, or None.

    `modules`: files of the bundle that the file imported (relative), so that their change parses it again. `asked`:
    what it asked on the way, `get_variable:key` or `get_connection:conn_id`, with the digest of the answer; likewise.
    """
    rest = {"modules": modules, "warnings": warnings, "asked": asked or {}}
    return {"dags": dags, "error": error, "seconds": seconds, **rest}


def digest_answer(answer: Any) -> str:
    """Tells answers apart without keeping them."""
    import hashlib

    return hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:32]


def timetable_answered(id: str, answer: Message | None, error: str | None = None) -> Message:
    """What a timetable of the user's own said (see `ask_timetable`); `error`: its traceback, or why nobody asked it."""
    return {"kind": "timetable_answered", "id": id, "answer": answer, "error": error}


def trigger_event(
    id: str, event: Any = None, error: str | None = None, end: Message | None = None, number: str = ""
) -> Message:
    """A trigger fired with `event` (plain JSON), or ended with `error` (a traceback). Repeated until `trigger_ack`.

    `end`: the event ends its task without resuming it: {"state": success, failed or skipped, "xcoms": {...}}.
    `number`: empty, but for triggers that fire again and again ("watcher:..."): tells their events apart in the ack.
    """
    return {"kind": "trigger_event", "id": id, "event": event, "error": error, "end": end, "number": number}


def took_up(revision: int, slots: int) -> Message:
    """The agent runs by this revision of the cell's spec from now on, with so many slots. Also after every hello."""
    return {"kind": "took_up", "revision": revision, "slots": slots}


def heartbeat(at: float, processes: list[Message], running: int, logs: Message) -> Message:
    """Sent every few seconds. `processes`: {"role": "zygote"|"task"|"triggerer", "pid", "about"} for the status page;
    a triggerer has "since" and "at" as well: when it began, and when its loop turned last. `logs`: how far they are
    behind on their way to the bucket, {"waiting_bytes", "waiting_seconds", "error"}.

    Never a proof of death: an agent that is silent may be slow. Death is proven by locks and the connection.
    """
    return {"kind": "heartbeat", "at": at, "processes": processes, "running": running, "logs": logs}


# ---- engine -> agent -------------------------------------------------------------------------------------------


def welcome(epoch: int, revision: int = 1) -> Message:
    """The answer to hello. An agent refuses an engine whose epoch is lower than one it has served.

    `revision`: of the cell's spec, to be taken up as by `reload`.
    """
    return {"kind": "welcome", "epoch": epoch, "revision": revision}


def reload(revision: int) -> Message:
    """The cell's spec has this revision: take it up. What follows on this connection is meant to run by it."""
    return {"kind": "reload", "revision": revision}


def run(workloads: list[Message]) -> Message:
    """Start these attempts. Idempotent by attempt: one that the agent holds already is left alone."""
    return {"kind": "run", "workloads": workloads}


def stop(attempt: str, grace: float, reason: str) -> Message:
    """End an attempt: TERM to its process group, KILL after `grace` seconds. It is reported as failed with `reason`."""
    return {"kind": "stop", "attempt": attempt, "grace": grace, "reason": reason}


def ack(attempts: list[str]) -> Message:
    """The outcomes of these attempts are committed; the agent may forget them."""
    return {"kind": "ack", "attempts": attempts}


def triggers(start: list[Message], cancel: list[str], kill: list[str] | None = None) -> Message:
    """Keep these triggers running, let go of those. Idempotent by id; after a hello, which names the ones the agent
    has, the engine says what it wants in addition and what no more.

    One to start: {"id", "bundle", "file", "classpath", "kwargs" (plain), "about": "dag.task" for logs and the status
    page, "log_key" or None, "task": {"dag_id", "run_id", "task_id", "map_index", "try_number"} or None}. The id of a
    task's is the deferral's token (32 hex digits); of one that belongs to no task and goes on for ever "watcher:...".
    `kill`: those among `cancel` whose task a user ended; their `on_kill` is called.
    """
    return {"kind": "triggers", "start": start, "cancel": cancel, "kill": kill or []}


def trigger_ack(ids: list[str]) -> Message:
    """These events are committed and may be forgotten. An id is the trigger's, or "id#number" if it has a number."""
    return {"kind": "trigger_ack", "ids": ids}


def parse(id: str, bundle: str, files: list[str], timeout: float) -> Message:
    """Parse these DAG files of a snapshot; one `parsed` comes back for each."""
    return {"kind": "parse", "id": id, "bundle": bundle, "files": files, "timeout": timeout}


def ask_timetable(id: str, bundle: str, file: str, timeout: float, dag_id: str, question: Message) -> Message:
    """Ask the timetable of a DAG, in a child that imports the DAG's file; one `timetable_answered` comes back.

    `question`: {"kind": "next", "last": [start, end]|None, "earliest", "latest", "catchup"} is answered with
    {"run_after", "start", "end"} (the interval's may be None), or {} when there is no next run;
    {"kind": "manual", "run_after"} with {"start", "end"}; {"kind": "range", "earliest", "latest", "most"} with
    {"runs": [{"run_after", "start", "end"}, ...]}, one more than `most` at most.
    """
    where = {"bundle": bundle, "file": file, "timeout": timeout, "dag_id": dag_id}
    return {"kind": "ask_timetable", "id": id, **where, "question": question}


def reply(attempt: str, id: int, result: Any = None, error: Message | None = None) -> Message:
    """The answer to a request. `error`: {"code", "message"}; codes: not_found, exists, stale, invalid, unavailable."""
    return {"kind": "reply", "attempt": attempt, "id": id, "result": result, "error": error}


# ---- agent <-> zygote ------------------------------------------------------------------------------------------


def open_file(id: str, bundle_path: str, file: str) -> Message:
    """Agent to base zygote, with one descriptor: fork a zygote for this file that serves that socket.

    `forked` and, one day, `exited` come back with `id` in the place of the attempt.
    """
    return {"kind": "open_file", "id": id, "bundle_path": bundle_path, "file": file}


def open_parser(id: str, variables: dict[str, str | None]) -> Message:
    """Agent to base zygote, with one descriptor: fork a zygote that serves `parse_file` on that socket.

    `variables`: what its process variables have besides those of the base zygote; None for one that they lack.
    """
    return {"kind": "open_parser", "id": id, "variables": variables}


def parse_file(id: str, bundle_path: str, file: str) -> Message:
    """Agent to parse zygote, with one descriptor: fork a child that parses the file and writes the result there."""
    return {"kind": "parse_file", "id": id, "bundle_path": bundle_path, "file": file}


def consult_file(id: str, bundle_path: str, file: str, dag_id: str, question: Message) -> Message:
    """Agent to parse zygote, with one descriptor: fork a child that asks the DAG's timetable and answers there.

    The child's answer: {"answer", "error"}, as in `timetable_answered`.
    """
    return {
        "kind": "consult_file",
        "id": id,
        "bundle_path": bundle_path,
        "file": file,
        "dag_id": dag_id,
        "question": question,
    }


def ready(dag_ids: list[str], unsafe: str | None) -> Message:
    """File zygote to agent: imported. `unsafe`: why it must not be forked (threads, sockets), or None."""
    return {"kind": "ready", "dag_ids": dag_ids, "unsafe": unsafe}


def broken(error: str) -> Message:
    """File zygote to agent: the import failed; the text is what the user should read."""
    return {"kind": "broken", "error": error}


def fork(id: str) -> Message:
    """Agent to file zygote, with one descriptor: fork a child, whose `work` will come by that socket."""
    return {"kind": "fork", "attempt": id}


def forked(attempt: str, pid: int) -> str:
    """Zygote to agent: the child exists. `attempt` is the id it was asked by, which has nothing to escape.

    Written out, as is `exited`: what an encoder touches a zygote would have to copy after every fork.
    """
    return f'{{"kind":"forked","attempt":"{attempt}","pid":{pid}}}'


def exited(attempt: str, pid: int, status: int) -> str:
    """Zygote to agent: the child was reaped; `status` as os.waitpid gives it."""
    return f'{{"kind":"exited","attempt":"{attempt}","pid":{pid},"status":{status}}}'


# ---- agent <-> child -------------------------------------------------------------------------------------------


def work(workload: Message, bundle_path: str, settings: Message) -> Message:
    """Agent to child: the first frame; to a forked child with its log pipe and lock file.

    `settings`: log_level, airflow_version, environment, config.
    """
    return {"kind": "work", "workload": workload, "bundle_path": bundle_path, "settings": settings}


def ask(id: int, method: str, params: Message) -> Message:
    """Child to agent: a question; `answer` with the same id comes back. `finish` is the last word instead."""
    return {"kind": "ask", "id": id, "method": method, "params": params}


def answer(id: int, result: Any = None, error: Message | None = None) -> Message:
    """Agent to child."""
    return {"kind": "answer", "id": id, "result": result, "error": error}


def finish(state: str, **fields: Any) -> Message:
    """Child to agent: its last word. Fields as in `outcome`; the agent adds times, exit code and signal."""
    return {"kind": "finish", "state": state, **fields}


# ---- agent <-> triggerer: `triggers`, `trigger_event` and `answer` are as above --------------------------------


def host(bundle_path: str | None, settings: Message) -> Message:
    """Agent to triggerer: the first frame. `bundle_path`: the snapshot whose code it may import, if any."""
    return {"kind": "host", "bundle_path": bundle_path, "settings": settings}


def alive(at: float, running: int) -> Message:
    """Triggerer to agent, every few seconds, from within its loop: it turns."""
    return {"kind": "alive", "at": at, "running": running}


def trigger_ask(trigger: str, id: int, method: str, params: Message) -> Message:
    """Triggerer to agent: a question of one trigger; `answer` with the same id comes back."""
    return {"kind": "trigger_ask", "trigger": trigger, "id": id, "method": method, "params": params}


def trigger_log(trigger: str, text: str) -> Message:
    """Triggerer to agent: whole lines for the log of the task that waits, marked as a child's are."""
    return {"kind": "trigger_log", "trigger": trigger, "text": text}


CHILD_METHODS = {
    "get_xcom": "{dag_id, run_id, task_id, map_index|null, key} -> {found, value}; here and in the next two a large"
    " value is not `value` but `text`: its JSON",
    "list_xcoms": "{dag_id, run_id, task_ids|null, key, include_prior_dates, map_indexes|null}"
    " -> [{task_id, map_index, value}]",
    "get_xcom_item": "{dag_id, run_id, task_id, key, offset} -> {length, found, value}; of a mapped task: how many of"
    " its instances left a value, and the one at `offset` in the order of map indexes",
    "set_xcom": "{key, value | text, length|null} -> null; own task only; `text` is the JSON of a large value, `length`"
    " how many items it has",
    "delete_xcom": "{key} -> null",
    "put_hitl_detail": "{subject, options, body|null, defaults|null, multiple, params, assignees} -> null; what the"
    " own task asks people",
    "get_variable": "{key} -> {found, value (text)}; the agent masks the value of a sensitive key from then on",
    "set_variable": "{key, value, description} -> null",
    "delete_variable": "{key} -> null",
    "get_connection": "{conn_id} -> {found, conn_type, host, login, password, schema, port, extra, description}",
    "mask": "{values} -> null; answered by the agent itself",
    "get_dag_run": "{dag_id, run_id} -> {found, ...run facts}",
    "get_task_states": "{dag_id, run_id, task_ids|null} -> {task_id: state}",
    "get_previous_run": "{dag_id, logical_date, state|null} -> {found, ...run facts}",
    "trigger_dag_run": "{dag_id, run_id|null, logical_date|null, run_after|null, conf, reset, note|null}"
    " -> {run_id, created}; refused as `exists` when there is such a run and `reset` is not set",
    "list_dag_runs": "{dag_ids|null, run_ids|null, states|null, run_types|null, from|null, until|null}"
    " -> [run facts] by logical date, at most the newest 1,000",
    "get_dag": "{dag_id} -> {dag_id, is_paused, is_stale, task_ids, group_ids}",
    "get_next_interval": "{dag_id, run_id} -> {found, start, end}: of the scheduled run after this one",
    "count_dag_runs": "{dag_id, logical_dates|null, run_ids|null, states|null} -> number",
    "count_task_instances": "{dag_id, logical_dates|null, run_ids|null, states|null, task_ids|null,"
    " task_group_id|null, map_index|null} -> number",
    "list_task_states": "{as count_task_instances} -> {run_id: {task_id or task_id_<map_index>: state}}",
    "get_asset": "{name|null, uri|null} -> {found, name, uri, group, extra}; an active asset",
    "list_inactive_assets": "{assets: [AssetRef]} -> [AssetRef]; those of the given that no events can be made for",
    "list_asset_events": "{name|null, uri|null, alias|null, after|null, before|null, ascending, limit|null}"
    " -> [event]; an event: {id, timestamp, asset: {name, uri, group, extra}, extra, source_dag_id, source_run_id,"
    " source_task_id, source_map_index, aliases: [name]}",
    "list_triggering_events": "{} -> [event]; those that the own run was made for",
}
"""What a child may ask. To add one: here, `_task/comms`, `runner/api/execution`, and a test with a real socket."""
