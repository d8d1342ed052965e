# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Bitcoin: outputs, rules, CoinJoins
#
# On Bitcoin a payment spends whole outputs and makes new ones, so the tracer follows outputs, not balances. This
# notebook shows the DMM theft from public facts, how the rules differ inside one transaction, a peel chain, and a
# case that has an Ethereum seed and a Bitcoin seed together.

# %%
import json
import tempfile
from pathlib import Path

import pandas as pd

import tracer
from tracer.addresses import BITCOIN
from tracer.base58_bech32 import segwit_encode
from tracer.chains.utxo_jsonl import read_transactions
from tracer.clusters.coinjoin import classify

work = Path(tempfile.mkdtemp())
RULES = ["haircut", "fifo", "lifo", "tiho", "seniority", "libr"]
SAT = 10**8

# %% [markdown]
# ## DMM Bitcoin, 31 May 2024
#
# The theft transaction and the addresses of its first split are public; the amounts of that split are not. What
# no source says is a gap, never a number.

# %%
dmm = tracer.Case.bundled("dmm-2024", workspace=work / "workspace")
held = dmm.taint().addresses()
assert held["taint_raw"].sum() == 450_290_000_000
held[["address", "taint", "hop", "stop"]]

# %%
gaps = dmm.gaps()
gaps[["code", "status", "address", "message"]].head(14)

# %% [markdown]
# ## One transaction, six rules
#
# Three inputs of 2, 5 and 3 coins; the first is stolen, and one coin of the third. Outputs of 1, 6 and 2.9 coins,
# the fee is 0.1. Which output is stolen depends on the rule; how much in all does not.


# %%
def output(vout: int, number: int, amount: int) -> dict[str, object]:
    """An output to a made-up address: it pays to a hash that nobody has."""
    address = segwit_encode("bc", 0, number.to_bytes(20, "big"))
    return {"vout": vout, "address": address, "script_type": "p2wpkh", "amount_raw": amount}


def spend(made: dict[str, object], vout: int) -> dict[str, object]:
    one = made["outputs"][vout]
    return {"txid": made["txid"], **one}


def transaction(
    number: int, inputs: list[dict[str, object]], amounts: list[tuple[int, int]]
) -> dict[str, object]:
    return {
        "chain": BITCOIN,
        "txid": f"{number:064x}",
        "block": 845_000 + number,
        "tx_index": 1,
        "timestamp": 1_717_000_000 + 600 * number,
        "inputs": inputs,
        "outputs": [output(n, to, amount) for n, (to, amount) in enumerate(amounts)],
    }


THIEF, SHOP = 0xA1, 0xB2
stolen = transaction(1, [], [(THIEF, 2 * SAT)])
clean = transaction(2, [], [(SHOP, 5 * SAT), (SHOP, 2 * SAT)])
more = transaction(3, [], [(THIEF, 1 * SAT)])
joined = transaction(4, [spend(more, 0), spend(clean, 1)], [(0xA3, 3 * SAT)])
mixed = transaction(
    5,
    [spend(stolen, 0), spend(clean, 0), spend(joined, 0)],
    [(0xC1, 1 * SAT), (0xC2, 6 * SAT), (0xC3, 290_000_000)],
)
history = [stolen, clean, more, joined, mixed]
path = work / "outputs.jsonl"
path.write_text("".join(json.dumps(one) + "\n" for one in history), encoding="utf-8")

case = tracer.Case.create("outputs", workspace=work / "workspace")
case.import_file(path)
for made in (stolen, more):
    case.add_seed(f"{made['txid']}:0", BITCOIN)
table = case.compare()
assert (table[RULES].sum() == 3 * SAT).all()  # every rule keeps every satoshi
assert ((table["at_least_raw"] <= table["fifo"]) & (table["fifo"] <= table["at_most_raw"])).all()
table[["address", *RULES, "at_least_raw", "at_most_raw"]]

# %% [markdown]
# The order of inputs and outputs is a convention of FIFO and LIFO, and is printed with every result.

# %%
case.taint().conventions

# %% [markdown]
# ## A CoinJoin
#
# Five inputs, five equal outputs of a Whirlpool pool: nobody can say which output is whose, so the deterministic
# trace ends there, with the sizes of the crowds to hide in.

# %%
funds = [transaction(10 + n, [], [(0xD0 + n, 5_000_000 + (0 if n < 2 else 9_000))]) for n in range(5)]
pool = transaction(20, [spend(one, 0) for one in funds], [(0xE0 + n, 5_000_000) for n in range(5)])
crowd = work / "crowd.jsonl"
crowd.write_text("".join(json.dumps(one) + "\n" for one in [*funds, pool]), encoding="utf-8")
verdict = classify(list(read_transactions(crowd))[-1])
assert verdict.kind == "whirlpool"
verdict

# %%
hidden = tracer.Case.create("hidden", workspace=work / "workspace")
hidden.import_file(crowd)
hidden.add_seed(f"{funds[0]['txid']}:0", BITCOIN)
ended = hidden.taint().addresses()
assert set(ended.loc[ended["taint_raw"] > 0, "stop"]) == {"MIXER"}
ended[["address", "taint_raw", "stop"]]

# %% [markdown]
# ## Two chains in one case
#
# One theft took coins on Ethereum and on Bitcoin. Each chain keeps its own order and units; wei and satoshi never
# meet.

# %%
ether = pd.DataFrame(
    [
        {
            "chain": "eip155:1",
            "block": 20_000_001,
            "timestamp_utc": "2024-05-31T05:00:00Z",
            "tx_hash": "0x" + "1" * 64,
            "from_address": "0x" + "a1" * 20,
            "to_address": "0x" + "b2" * 20,
            "asset": "native",
            "symbol": "ETH",
            "decimals": 18,
            "amount_raw": 7 * 10**18,
            "kind": "native",
        }
    ]
)
ether.to_csv(work / "ether.csv", index=False)
both = tracer.Case.create("both", workspace=work / "workspace")
both.import_file(path)
both.import_file(work / "ether.csv")
both.add_seed(f"{stolen['txid']}:0", BITCOIN)
both.add_seed("0x" + "a1" * 20, amount=7 * 10**18)
account = both.taint().conservation()
assert set(account["difference_raw"]) == {0}
account[["asset", "stolen_raw", "held_raw", "fee_raw", "difference_raw"]]
