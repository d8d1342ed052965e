"""Prints what the tracer costs beside a plain pandas or networkx baseline on the same input, in the same run.

    make bench                                    1,000,000 movements (a few minutes)
    PYTHONPATH=. .venv/bin/python benchmarks/run.py --quick    100,000 movements

CPU seconds of this process. Budgets are for one million movements on two cores and are scaled with the size.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pandas as pd

from benchmarks.synthetic import CHAIN, STOLEN, THIEF, History, history, movement_table
from tracer.case import Case
from tracer.chains.files import read_transfers
from tracer.ledger import build_ledger
from tracer.model import Rule, Seed
from tracer.taint.bounds import bounds, reached
from tracer.taint.compile import compile_program
from tracer.taint.engine import run
from tracer.taint.program import Op, Program

_MILLION = 1_000_000


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """(CPU seconds, result)."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def line(what: str, ours: float, baseline: float | None, budget: str) -> None:
    """One line of the table."""
    beside = f"{baseline:9.3f}  {baseline / ours:6.1f}x" if baseline is not None else f"{'':9}  {'':7}"
    print(f"{what:44} {ours:9.3f}  {beside}  {budget}", flush=True)


def csv_of(past: History, path: Path) -> None:
    """The history as a transfers CSV."""
    header = (
        "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals"
    )
    with path.open("w", encoding="utf-8") as out:
        out.write(f"{header},amount_raw,kind\n")
        for n, (payer, payee, units) in enumerate(zip(past.payer, past.payee, past.amount, strict=True)):
            kind = "native" if payer >= 0 else "opening"
            place = f"{CHAIN},{21_000_000 + n // 20},{n % 20},1,{1_740_000_000 + 12 * (n // 20)},0x{n:064x}"
            out.write(f"{place},{past.name(payer)},{past.name(payee)},native,ETH,18,{units},{kind}\n")


def pandas_haircut(frame: pd.DataFrame, thief: str) -> float:
    """What a notebook does: itertuples with a dict of floats."""
    balance: dict[str, float] = defaultdict(float)
    taint: dict[str, float] = defaultdict(float)
    balance[thief] = taint[thief] = float(STOLEN)
    for row in frame.itertuples(index=False):
        units = float(row.amount)
        if row.payer:
            share = taint[row.payer] / balance[row.payer] if balance[row.payer] else 0.0
            moved = units * share
            taint[row.payer] -= moved
            balance[row.payer] -= units
            taint[row.payee] += moved
        balance[row.payee] += units
    return sum(taint.values())


def networkx_flow(program: Program, target: int) -> int:
    """The largest flow of stolen coin to one holding with networkx on the time-expanded graph, in Python integers."""
    graph: nx.DiGraph[object] = nx.DiGraph()
    last: dict[int, tuple[int, int]] = {}
    balance: dict[int, int] = defaultdict(int)

    def arrive(holding: int, step: int) -> tuple[int, int]:
        node = (holding, step)
        if holding in last and balance[holding]:
            graph.add_edge(last[holding], node, capacity=balance[holding])
        last[holding] = node
        return node

    for n, (op, src, dst) in enumerate(
        zip(program.op.tolist(), program.src.tolist(), program.dst.tolist(), strict=True)
    ):
        units = program.amount[n]
        to = arrive(dst, n)
        if op == Op.SEED:
            graph.add_edge("source", to, capacity=units)
        elif op == Op.MOVE and src in last:
            graph.add_edge(last[src], to, capacity=units)
            balance[src] -= units
        balance[dst] += units
    graph.add_edge(last[target], "sink", capacity=balance[target])
    return int(nx.maximum_flow_value(graph, "source", "sink"))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 movements instead of a million")
    size = _MILLION // 10 if parser.parse_args().quick else _MILLION
    print(f"{'what':44} {'ours s':>9}  {'plain s':>9}  {'ratio':>7}  budget")

    past = history(size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transfers.csv"
        csv_of(past, path)
        read, imported = timed(lambda: read_transfers(path))
        plain, _ = timed(
            lambda: [row.amount_raw for row in pd.read_csv(path, dtype=str).itertuples(index=False)]
        )
        del imported
    table = movement_table(past)
    build, ledger = timed(lambda: build_ledger([table]))
    line(f"CSV of {size:,} movements -> movement table", read, plain, "")
    line("movement table -> ledger", build, None, f"CSV to ledger <= {5 * size / _MILLION:.1f} s")
    seeds = [Seed(CHAIN, past.name(THIEF), asset="native", amount=STOLEN)]
    compiling, program = timed(lambda: compile_program(ledger, seeds))  # type: ignore[arg-type]
    line("ledger + seeds -> program", compiling, None, "")
    assert isinstance(program, Program)

    names = [past.name(a) for a in past.payer]
    frame = pd.DataFrame({"payer": names, "payee": [past.name(a) for a in past.payee], "amount": past.amount})
    loop, _ = timed(lambda: pandas_haircut(frame, past.name(THIEF)))
    for rule in Rule:
        run(program, rule)  # compiled once, kept on disk
        cost, _ = timed(lambda rule=rule: run(program, rule))  # type: ignore[misc]
        line(f"taint pass with its checks, {rule}", cost, loop, f"<= {0.25 * size / _MILLION:.3f} s, >= 7x")

    small = history(10_000)
    program = compile_program(build_ledger([movement_table(small)]), seeds)
    targets = reached(program)[:100]
    cost, _ = timed(lambda: bounds(program, targets))
    oracle, _ = timed(lambda: networkx_flow(program, targets[-1]))
    line("range of one address, 10,000 movements", cost / len(targets), oracle, "<= 0.0032 s")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.csv"
        csv_of(history(20_000, 10_000), path)
        case = Case.create("bench", folder)
        case.import_file(path)
        case.add_seed(past.name(THIEF), asset="native", amount=STOLEN)
        cost, _ = timed(lambda: case.export(Path(folder) / "out"))
        line("case of 10,000 addresses -> all exports", cost, None, "<= 15 s")


if __name__ == "__main__":
    main()
