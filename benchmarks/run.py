"""Prints what the tracer costs beside a plain pandas or networkx baseline on the same input, in the same run.

    make bench                                                 100,000 and 1,000,000 movements (some minutes)
    PYTHONPATH=. .venv/bin/python benchmarks/run.py --quick    100,000 movements only

Times are CPU seconds of this process, after one run that compiles the kernels (they are kept on disk). Budgets are
those of one million movements on two cores, scaled with the size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import networkx as nx
import numpy as np
import pandas as pd

from benchmarks.baselines import LOOPS, networkx_flow, sweeps
from benchmarks.synthetic import CHAIN, STOLEN, THIEF, History, csv_of, history, movement_table, spending
from tests.kernel_programs import program_of
from tests.utxo_rows import row
from tests.wallet_world import shipped
from tracer.case import Case
from tracer.chains.files import read_transfers
from tracer.chains.utxo_jsonl import read_transactions
from tracer.chains.utxo_rows import table_of
from tracer.clusters import smallest_members
from tracer.clusters.clustering import Clusters
from tracer.clusters.coinjoin import classify
from tracer.labels import LabelBook
from tracer.ledger import Ledger, build_ledger
from tracer.mixes import find_mixes
from tracer.model import Label, Rule, Seed
from tracer.patterns import PATTERNS, look_alikes
from tracer.taint.bounds import bounds, reached
from tracer.taint.compile import compile_program
from tracer.taint.engine import run
from tracer.taint.kernels import run_bulk
from tracer.taint.program import Op, Program
from tracer.taint.tally import tally

T = TypeVar("T")

_MILLION = 1_000_000
_TIMES = 7  # the budget of a taint pass: so many times faster than the plain loop


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """(CPU seconds, result)."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def line(
    what: str, ours: float, plain: float | None = None, budget: float | None = None, *, unit: str = "s"
) -> None:
    """One line of the table: budget is the most that `ours` may be."""
    beside = f"{plain:9.3f} {plain / ours:7.1f}x" if plain is not None else f"{'':9} {'':8}"
    verdict = "" if budget is None else f"{budget:8.3f}  {'ok' if ours <= budget else 'over'}"
    figure = f"{ours:9.3f}" if unit == "s" else f"{ours:6.0f} MB"
    print(f"{what:58} {figure} {beside} {verdict}", flush=True)


def seeds_of(past: History) -> list[Seed]:
    """The theft."""
    return [Seed(CHAIN, past.name(THIEF), asset="native", amount=STOLEN)]


def ingest(past: History, folder: Path) -> Ledger:
    """From a file to the ledger."""
    size = len(past.amount)
    path = folder / f"{size}.csv"
    csv_of(past, path)
    read, found = timed(lambda: read_transfers(path))
    frame = timed(lambda: [row.amount_raw for row in pd.read_csv(path, dtype=str).itertuples(index=False)])
    line(f"{size:,} movements: CSV -> movement table", read, frame[0])
    build, ledger = timed(lambda: build_ledger([found.table]))
    line("  movement table -> ledger", build)
    line("  both", read + build, frame[0], 5 * size / _MILLION)
    for until, what in (("ledger", "CSV -> ledger"), ("rules", "CSV -> ledger -> program -> all rules")):
        command = [sys.executable, "benchmarks/peak.py", str(path), until]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": "."}
        )
        limit = 1024.0 if size == _MILLION and until == "ledger" else None
        line(f"  peak memory, {what}", float(done.stdout), None, limit, unit="MB")
    return ledger


def passes(past: History, ledger: Ledger) -> None:
    """Every rule beside its plain loop."""
    size = len(past.amount)
    compiling, program = timed(lambda: compile_program(ledger, seeds_of(past)))
    line("  ledger + seeds -> program (once for all rules)", compiling)
    packing, _ = timed(lambda: program.limbs)
    line("  amounts -> two limbs (once for all rules)", packing)
    frame = pd.DataFrame(
        {
            "payer": [past.name(a) for a in past.payer],
            "payee": [past.name(a) for a in past.payee],
            "amount": past.amount,
        }
    )
    for rule in Rule:
        loop, _ = timed(partial(LOOPS[rule], frame, past.name(THIEF), STOLEN, rule))
        run_bulk(program, rule)
        cost, _ = timed(partial(run_bulk, program, rule))
        line(f"  {rule}: pass on arrays", cost, loop, min(0.25 * size / _MILLION, loop / _TIMES))
        checked, outcome = timed(partial(run, program, rule))
        sums, _ = timed(partial(tally, ledger, program, outcome))
        line("     with conservation check and sums per address and row", checked + sums, loop)


def sweeping(lots: int = 32_000, count: int = 100_000) -> None:
    """Sweeps of a wallet of many lots that leave one unit."""
    steps = [(Op.SEED if n % 2 else Op.CREDIT, -1, 0, 3, 0, 0 if n % 2 else -1) for n in range(lots)]
    held = [3 * lots, 0]
    for n in range(count):
        here = n % 2
        amount = held[here] - 1
        steps.append((Op.MOVE, here, 1 - here, amount, 0, -1))
        held[here], held[1 - here] = 1, held[1 - here] + amount
    program = program_of(steps, 2)
    run(program, Rule.FIFO)
    naive = timed(lambda: sweeps(lots, count // 100))[0] * 100
    for rule in (Rule.FIFO, Rule.LIFO):
        cost, _ = timed(partial(run, program, rule))
        line(f"{count:,} sweeps of {lots:,} lots, {rule} (plain: 1% x 100)", cost, naive, 1.0)


def ranges(movements: int = 10_000) -> None:
    """The exact range of one address by two flows, beside networkx for one of them."""
    small = history(movements)
    program: Program = compile_program(build_ledger([movement_table(small)]), seeds_of(small))
    targets = reached(program)[:100]
    cost, _ = timed(lambda: bounds(program, targets))
    oracle, _ = timed(lambda: networkx_flow(program, targets[-1]))
    line(f"range of one address, {movements:,} movements (plain: one flow)", cost / len(targets), oracle)


def clusters(count: int = _MILLION) -> None:
    """A million links at random, as numbers; beside it networkx on a tenth of them."""
    rng = np.random.default_rng(7)
    a, b = rng.integers(0, count, count), rng.integers(0, count, count)
    part = count // 10
    graph = nx.Graph(zip(a[:part].tolist(), b[:part].tolist(), strict=True))
    plain = timed(lambda: list(nx.connected_components(graph)))[0] * 10
    cost, _ = timed(lambda: smallest_members(a, b, count))
    line(f"{count:,} links between addresses -> clusters (plain: a tenth x 10)", cost, plain)


def coinjoins(count: int = _MILLION // 10) -> None:
    """Transactions as JSON lines to verdicts; beside it the same lines as JSON, outputs counted by value."""
    kinds = [row(t) for t in shipped().transactions]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transactions.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for i, entry in zip(range(count), cycle(kinds), strict=False):
                file.write(json.dumps(entry | {"txid": f"{i:064x}"}) + "\n")
        plain = timed(lambda: _counted(path))[0]
        reading, transactions = timed(lambda: list(read_transactions(path)))
    judging, _ = timed(lambda: [classify(t) for t in transactions])
    line(f"{count:,} Bitcoin transactions: JSON lines -> checked facts", reading, plain)
    line("  facts -> CoinJoin verdicts", judging, plain, 5 * count * 10 / _MILLION)


def outputs(count: int = _MILLION // 10) -> None:
    """Bitcoin transactions as facts to all rules: rows, ledger, CoinJoins, program, seven passes."""
    facts = spending(count)
    cost, table = timed(lambda: table_of(facts))
    line(f"{count:,} Bitcoin transactions: facts -> {table.num_rows:,} movement rows", cost, None)
    cost, ledger = timed(lambda: build_ledger([table]))
    line("  movement rows -> ledger", cost, None)
    cost, _ = timed(lambda: find_mixes(ledger))
    line("  ledger -> CoinJoins", cost, None)
    seed = Seed(facts[5].chain, "", tx=facts[5].txid, vout=0)
    cost, program = timed(lambda: compile_program(ledger, [seed]))
    line("  ledger and seed -> program", cost, None)
    cost, _ = timed(lambda: [run(program, rule) for rule in Rule])
    line("  all seven rules, conservation checked", cost, None)


def _counted(path: Path) -> list[Counter[str]]:
    with path.open(encoding="utf-8") as file:
        return [Counter(o["amount_raw"] for o in json.loads(text)["outputs"]) for text in file]


def heuristics(past: History, ledger: Ledger) -> None:
    """Links and patterns of a ledger, of whose hubs the first are labelled exchanges."""
    labels = [Label(CHAIN, past.name(hub), f"Hub {hub}", "exchange", 90) for hub in range(1, 4)]
    nobody: frozenset[tuple[str, str]] = frozenset()
    found = Clusters(ledger, LabelBook(labels), seeds=nobody, unread=nobody, decided=nobody, rulings=())
    cost, _ = timed(lambda: found.stops)
    line("  deposit addresses", cost)
    cost, _ = timed(lambda: found.found)
    line("  all links of account chains -> clusters", cost)
    searches = [search for search in PATTERNS if search is not look_alikes]  # made addresses all look alike
    everybody = range(len(ledger.addresses))
    cost, _ = timed(lambda: [len(list(search(found.payments, everybody))) for search in searches])
    line("  patterns of every address", cost)


def whole_case(addresses: int = 10_000) -> None:
    """A case of so many addresses from its archive to every exported file."""
    past = history(2 * addresses, addresses)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.csv"
        csv_of(past, path)
        case = Case.create("bench", folder)
        case.import_file(path)
        case.add_seed(past.name(THIEF), asset="native", amount=STOLEN)
        cost, _ = timed(lambda: Case.open("bench", folder).export(Path(folder) / "out"))
    line(f"case of {addresses:,} addresses, workspace -> all exports", cost, None, 15.0)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the million movements")
    sizes = [_MILLION // 10] if parser.parse_args().quick else [_MILLION // 10, _MILLION]
    print(f"{'what':58} {'ours':>9} {'plain':>9} {'ratio':>8} {'budget':>8}")
    for size in sizes:
        past = history(size)
        with tempfile.TemporaryDirectory() as folder:
            ledger = ingest(past, Path(folder))
        passes(past, ledger)
        heuristics(past, ledger)
    sweeping()
    ranges()
    clusters()
    coinjoins()
    outputs()
    whole_case()


if __name__ == "__main__":
    main()
