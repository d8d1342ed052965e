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
# # Who shares a deposit address
#
# An exchange gives each customer a deposit address and sweeps what arrives there into its main wallet. Two
# addresses that pay into one deposit address pay one customer's account, whoever holds their keys (a broker pays
# for many): the exchange knows whose account it is. This
# notebook plants two thefts whose thieves look unrelated, finds the account that both used, says why, and takes
# one link back.
#
# The history is made up, so that the truth is known; the rule is Victor 2020 with guards (docs/accuracy.md has
# its error rates). A deposit address is an opinion with a confidence, never a proof of who somebody is.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import tracer

ETH = 10**18
work = Path(tempfile.mkdtemp())


def address(number: int) -> str:
    return f"0x{number:040x}"


HOT, DEPOSIT, OTHER_DEPOSIT = address(0xE0), address(0xD1), address(0xD2)
VICTIM, CUSTOMER = address(0xF0), address(0xCC)
THIEF_1, MULE_1, THIEF_2, MULE_2 = (address(0xA0 + n) for n in range(4))
rows: list[dict[str, object]] = []


def pay(payer: str, payee: str, amount: int) -> str:
    block = len(rows) + 1
    rows.append(
        {
            "chain": "eip155:1",
            "block": 20_000_000 + block,
            "tx_index": 0,
            "position": 1,
            "timestamp_utc": f"2025-03-01T{block // 60:02d}:{block % 60:02d}:00Z",
            "tx_hash": f"0x{block:064x}",
            "from_address": payer,
            "to_address": payee,
            "asset": "native",
            "symbol": "ETH",
            "decimals": 18,
            "amount_raw": amount,
            "kind": "native",
        }
    )
    return f"0x{block:064x}"


# %% [markdown]
# ## Two thefts, one account
#
# Theft 1 goes through a mule to the exchange; theft 2, days later, through another mule to the same deposit
# address.

# %%
GAS = ETH // 1_000
first = pay(VICTIM, THIEF_1, 50 * ETH)
pay(THIEF_1, MULE_1, 50 * ETH)
pay(MULE_1, DEPOSIT, 50 * ETH)
pay(DEPOSIT, HOT, 50 * ETH - GAS)
pay(CUSTOMER, OTHER_DEPOSIT, 3 * ETH)
pay(OTHER_DEPOSIT, HOT, 3 * ETH - GAS)
second = pay(VICTIM, THIEF_2, 80 * ETH)
pay(THIEF_2, MULE_2, 80 * ETH)
pay(MULE_2, DEPOSIT, 79 * ETH)
pay(DEPOSIT, HOT, 79 * ETH - GAS)
pay(CUSTOMER, OTHER_DEPOSIT, 4 * ETH)
pay(OTHER_DEPOSIT, HOT, 4 * ETH - GAS)
history = work / "history.csv"
pd.DataFrame(rows).to_csv(history, index=False)

for name, seed, tx in (("theft-1", THIEF_1, first), ("theft-2", THIEF_2, second)):
    case = tracer.Case.create(name, workspace=work / "workspace")
    case.import_file(history)
    case.add_seed(seed, tx=tx)
    case.label(HOT, "Exchange A", category="exchange", confidence=80, source="published by the exchange")

# %% [markdown]
# ## The deposit address
#
# The trace of theft 2 ends there, with the stop code DEPOSIT: from here on only the exchange knows.

# %%
case = tracer.Case.open("theft-2", workspace=work / "workspace")
held = case.taint().addresses()
there = held[held["stop"] == "DEPOSIT"]
assert there["address"].str.lower().tolist() == [DEPOSIT]
there[["address", "taint", "stop", "at_least_raw", "at_most_raw"]]

# %%
case.deposits()

# %% [markdown]
# ## Who shares it
#
# Both mules paid into it. The stranger with the other deposit address is not among them.

# %%
members = case.clusters()
shared = members[members["rule"] != ""]
assert {text.lower() for text in shared["address"]} >= {MULE_2, DEPOSIT}
assert CUSTOMER not in {text.lower() for text in shared["address"]}
shared[["cluster_id", "address", "rule", "confidence", "evidence_tx"]]

# %%
for link in case.why_linked(MULE_1, MULE_2):
    print(link.rule, link.confidence, link.a, link.b, link.tx)

# %% [markdown]
# ## Both cases
#
# The same address carries stolen coin of both thefts: one letter to the exchange instead of two.

# %%
overlap = tracer.batch(["theft-1", "theft-2"], workspace=work / "workspace").overlap()
assert DEPOSIT in {text.lower() for text in overlap["address"]}
overlap[["cases", "case", "address", "taint_raw", "hop", "stop"]]

# %% [markdown]
# ## Taking a link back
#
# Suppose the exchange answers that the second payment came from a broker who serves many. The link is withdrawn
# with that reason; it stays on record, and the cluster comes apart.

# %%
link = next(one for one in case.why_linked(MULE_1, MULE_2) if MULE_2 in one.a + one.b)
a, b = (text.rpartition(":")[2] for text in (link.a, link.b))
case.judge_link(a, b, "reject", reason="Exchange A, letter of 2025-04-02: paid by a broker")
after = case.clusters().set_index("address").rename(index=str.lower)
assert after.loc[MULE_2, "cluster_id"] != after.loc[DEPOSIT, "cluster_id"]
case.cluster_links()[["a", "b", "rule", "confidence", "withdrawn"]]
