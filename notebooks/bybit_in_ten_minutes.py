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
# # Bybit in ten minutes
#
# On 21 February 2025 the exchange Bybit lost 401,346.77 ETH and three kinds of staked ETH. This notebook traces the
# published part of the theft, offline, and shows how to read the numbers: what is a fact, what is an opinion, what is
# missing, and how far the result could differ under another accounting rule.

# %%
import tempfile
from pathlib import Path

import tracer

case = tracer.Case.demo(workspace=tempfile.mkdtemp())
case

# %% [markdown]
# ## 1. What goes in
#
# Seeds say where stolen coin enters. Each has a source. Amounts are integers in the smallest unit (wei): a float would
# already be wrong in the 16th digit.

# %%
case.seeds()

# %%
case.files()

# %% [markdown]
# ## 2. The account
#
# Every stolen wei must be somewhere. `difference_raw` is 0, or the tracer would have stopped with an error.

# %%
result = case.taint()
account = result.conservation()
assert set(account["difference_raw"]) == {0}
account

# %% [markdown]
# ## 3. Where it rests
#
# Forty addresses got exactly 10,000 ETH each.

# %%
held = result.addresses()
first_hop = held[(held["hop"] == 1) & (held["taint_raw"] == 10_000 * 10**18)]
assert len(first_hop) >= 38  # two of the forty have paid on within the published transfers
held[["address", "asset", "taint", "hop", "first_received_utc", "stop"]].head(12)

# %% [markdown]
# ## 4. What is missing
#
# Published amounts do not add up, and the tracer does not hide it. One address pays out 6.57 ETH more than anybody
# saw come in. Another gave staked ETH to exchange contracts and paid out ETH: that leg is not published, so it is
# *declared* (graded, with a source), and can be withdrawn.

# %%
gaps = case.gaps()
gaps[["code", "status", "address", "symbol", "amount", "message"]]

# %%
for number in case.conversions()["number"]:
    case.withdraw_conversion(number)
without = case.taint().conservation().set_index("symbol")
assert (
    without.loc["stETH", "held_raw"] == 90_375_547_907_685_258_392_043
)  # it stays at the exchange contracts
without

# %% [markdown]
# ## 5. How much depends on the rule?
#
# Courts have accepted different rules. `at_least_raw` and `at_most_raw` bound what any admissible accounting can say
# about an address; every rule lies inside.

# %%
table = case.compare()
table[["address", "symbol", "haircut", "fifo", "lifo", "at_least_raw", "at_most_raw", "kind"]].head(10)

# %% [markdown]
# ## 6. Paths and the graph
#
# `case.graph().nx` is a networkx graph; every edge carries the transaction that proves it.

# %%
graph = case.graph().nx
graph.number_of_nodes(), graph.number_of_edges()

# %%
case.paths(frm="0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2", to="0xBCA02B395747D62626a65016F2e64A20bd254A39")

# %% [markdown]
# ## 7. Hand it over
#
# The export carries every table, the sha256 of every input, and a manifest. The same case gives the same bytes.

# %%
paths = case.export(Path(tempfile.mkdtemp()) / "bybit")
[path.name for path in paths]
