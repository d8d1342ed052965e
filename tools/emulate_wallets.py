"""Ground truth from wallets that are not ours: some thousand transactions of litecoind's wallets on a private chain.

    python tools/emulate_wallets.py --seed 1 --out wallets.jsonl
    tracer evaluate wallets.jsonl --out accuracy.csv

The wallets choose coins, change and its place themselves and say afterwards which outputs are theirs. What they do
follows a plan drawn from the seed (tools/emulation/plan.py). What the rates mean: docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers.litecoin import binaries
from tools.emulation.life import Life
from tools.emulation.network import Network, running_network
from tools.emulation.plan import PLANS
from tools.emulation.town import settle
from tools.emulation.truth import ground_truth


def emulate(network: Network, seed: int, plan: str, transactions: int, people: int) -> list[str]:
    """The lines of ground truth of one emulation on an empty chain."""
    chance = random.Random(seed)
    town = settle(network, chance, people)
    Life(network, town, chance).run(plan, transactions)
    network.mine(town.miner.addresses[0])
    return list(ground_truth(network, town.wallets))


def main() -> None:
    """Write the file, and say what is in it."""
    parser = argparse.ArgumentParser(description="Ground truth from the wallets of litecoind.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plan", choices=[*PLANS], default="people")
    parser.add_argument("--transactions", type=int, default=3_000)
    parser.add_argument("--people", type=int, default=14)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    program, _ = binaries()
    if program is None:
        parser.error("litecoind is missing: make servers")
    began = time.monotonic()
    with running_network(program) as network:
        lines = emulate(network, given.seed, given.plan, given.transactions, given.people)
    given.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    acts = Counter(network.acts.values())
    print(
        f"{len(lines):,} transactions in {network.height:,} blocks, {time.monotonic() - began:.0f} s: {given.out}"
    )
    print(", ".join(f"{act} {count:,}" for act, count in acts.most_common()))


if __name__ == "__main__":
    main()
