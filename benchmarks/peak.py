"""Peak memory of one trace in a process of its own: CSV -> ledger -> program -> every rule. Prints megabytes.

python benchmarks/peak.py FILE.csv ledger|rules
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.synthetic import CHAIN, STOLEN, THIEF, History
from tracer.chains.files import read_transfers
from tracer.ledger import build_ledger
from tracer.model import Rule, Seed
from tracer.taint.compile import compile_program
from tracer.taint.engine import run


def main() -> None:
    """Run as far as asked and print the peak."""
    path, until = sys.argv[1:]
    ledger = build_ledger([read_transfers(path).table])
    if until == "rules":
        thief = History([], [], [], 0).name(THIEF)
        program = compile_program(ledger, [Seed(CHAIN, thief, asset="native", amount=STOLEN)])
        for rule in Rule:
            run(program, rule)
    # Not ru_maxrss: that one remembers the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.split("VmHWM:")[1].split()[0]) // 1024)


if __name__ == "__main__":
    main()
