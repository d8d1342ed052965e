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
# # Fifty cases in one loop
#
# A unit that gets fifty reports does not open fifty windows. `tracer.batch` takes a folder or a table of cases,
# traces all of them, keeps what fails as a row, and says which addresses several cases share. Here the fifty
# "victims" are the wallets that the Bybit thief filled on 21 February 2025: each becomes a case of its own, on
# the published transfers.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import tracer
from tracer.data import data_dir

work = Path(tempfile.mkdtemp())
transfers = data_dir() / "cases" / "bybit-2025" / "transfers.csv"
facts = pd.read_csv(transfers, dtype=str)
paid = facts[(facts["kind"] != "poison") & (facts["asset"] == "native")]
wallets = paid["to_address"].drop_duplicates().head(49).tolist()

# %% [markdown]
# ## The table of cases
#
# A row per seed. The last row is wrong on purpose: a digit is missing.

# %%
table = pd.DataFrame(
    {
        "case": [f"wallet-{n:02d}" for n in range(1, 51)],
        "address": [*wallets, wallets[0][:-1]],
        "file": str(transfers),
    }
)
found = tracer.batch(table, workspace=work / "workspace", rule="fifo")
found.summary.head(8)

# %% [markdown]
# ## What failed, and what to do about it

# %%
assert found.failures["case"].tolist() == ["wallet-50"]
found.failures

# %% [markdown]
# ## One table over all cases
#
# The tables are ordinary DataFrames whose raw amounts are exact Python integers. `attrs` says what they rest on.

# %%
account = found.conservation()
assert set(account["difference_raw"]) == {0}
account.groupby("symbol")["stolen_raw"].sum()

# %%
held = found.taint()
held.attrs["as_of_utc"]["wallet-01"], held[["case", "address", "symbol", "taint", "hop", "stop"]].head(6)

# %% [markdown]
# ## What the cases share
#
# An address to which coin of several cases came is a lead that no single case shows. It proves no common hand by
# itself: an exchange looks the same.

# %%
shared = found.overlap()
shared[["cases", "case", "address", "symbol", "taint_raw", "hop", "stop"]].head(10)

# %% [markdown]
# ## Hand over
#
# Each case in a folder of its own, with README, manifest and sha256 sums.

# %%
folders = found.export(work / "results")
assert len(folders) == 49
sorted(p.name for p in folders[0].iterdir())
