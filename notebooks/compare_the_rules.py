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
# # Compare the rules
#
# Where stolen and clean coin mix, a rule decides which leaves first. Courts have taken different ones, so a
# number without its rule is worth nothing. This notebook shows on one small account, then on the Bybit theft,
# what the rules say, and what holds whatever rule is taken.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import tracer

CONSERVING = ["haircut", "fifo", "lifo", "seniority", "libr"]
work = Path(tempfile.mkdtemp())

# %% [markdown]
# ## One account
#
# It holds 10 clean coins, receives 30 stolen and 20 clean ones, pays 25 to P, receives 15 clean ones, pays 30 to
# Q and 20 to R. Nothing is left.

# %%
THIEF, ACCOUNT, SHOP, P, Q, R = (f"0x{n:040x}" for n in range(0xA1, 0xA7))
COIN = 10**18
movements = [
    ("", ACCOUNT, 10, "opening"),
    (THIEF, ACCOUNT, 30, "native"),
    (SHOP, ACCOUNT, 20, "native"),
    (ACCOUNT, P, 25, "native"),
    (SHOP, ACCOUNT, 15, "native"),
    (ACCOUNT, Q, 30, "native"),
    (ACCOUNT, R, 20, "native"),
]
rows = [
    {
        "chain": "eip155:1",
        "block": block,
        "timestamp_utc": f"2025-02-21T14:{block:02d}:00Z",
        "tx_hash": f"0x{block:064x}",
        "from_address": payer,
        "to_address": payee,
        "asset": "native",
        "symbol": "ETH",
        "decimals": 18,
        "amount_raw": coins * COIN,
        "kind": kind,
    }
    for block, (payer, payee, coins, kind) in enumerate(movements, start=1)
]
pd.DataFrame(rows).to_csv(work / "account.csv", index=False)
case = tracer.Case.create("one-account", workspace=work / "workspace")
case.import_file(work / "account.csv")
case.add_seed(ACCOUNT, tx=f"0x{2:064x}", amount=30 * COIN)

# %%
table = case.compare().set_index("address").rename(index=str.lower)
shares = pd.DataFrame(
    {rule: [table.loc[who, rule] / COIN for who in (P, Q, R)] for rule in CONSERVING}, index=["P", "Q", "R"]
)
assert shares["fifo"].tolist() == [15, 15, 0]
assert shares["haircut"].tolist() == [12.5, 10.5, 7]
assert shares["libr"].tolist() == [0, 10, 20]
shares

# %% [markdown]
# No rule bounds what one payee got: LIBR, the mildest for the payees as a whole, gives R the most. The range
# does.

# %%
table.loc[[P, Q, R], ["at_least_raw", "at_most_raw", "kind"]]

# %% [markdown]
# docs/bounds.md shows the cut that proves such a range: payments and balances that anybody can add up by hand.
#
# ## The theft of Bybit
#
# On a real case most addresses do not depend on the rule at all. Those are the ones to act on first.

# %%
bybit = tracer.Case.demo(workspace=work / "workspace")
rules = bybit.compare()
traced = rules[(rules["at_most_raw"] > 0) & ~rules["address"].str.startswith("sink:")]
fixed = traced[traced["at_least_raw"] == traced["at_most_raw"]]
for rule in CONSERVING:  # every rule lies inside the range
    assert (traced["at_least_raw"] <= traced[rule]).all()
    assert (traced[rule] <= traced["at_most_raw"]).all()
print(f"{len(fixed)} of {len(traced)} holdings are the same under every admissible accounting")

# %%
spread = traced.assign(spread=traced["at_most_raw"] - traced["at_least_raw"])
spread = spread.sort_values("spread", ascending=False, key=lambda column: column.astype(float))
spread[["address", "symbol", *CONSERVING, "at_least_raw", "at_most_raw"]].head(8)

# %% [markdown]
# ## What the numbers rest on
#
# The governing rule is fixed in the case before the run and printed with every result, together with the
# conventions.

# %%
result = bybit.taint()
result.rule, result.as_of, result.conventions
