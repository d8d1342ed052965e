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
# # Two published flows, from the theft to the requests
#
# Analysts published the flows of two thefts of 2024 with the addresses at which they end: the exploit of LI.FI and
# a phishing theft (github.com/AnonymousMFTracer/dataset, MIT). They name no amounts, only what each transfer was
# worth in US dollars, so everything here is in dollars. Nobody tells the tracer where the flows end.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import tracer
from tracer.data import data_dir

RULES = ["poison", "haircut", "fifo", "lifo", "seniority", "libr", "tiho"]
work = Path(tempfile.mkdtemp())
cases = {name: tracer.Case.bundled(name, workspace=work) for name in ("lifi-2024", "txphish-2024")}
ends = {name: set(pd.read_csv(data_dir() / "cases" / name / "terminals.csv")["address"]) for name in cases}
pd.concat([case.losses().assign(case=name) for name, case in cases.items()])[["case", "stolen", "symbol"]]

# %% [markdown]
# ## Are the published ends reached?
#
# Under poison and haircut, all of them. A rule that says which coin leaves first sends clean coin to some: FIFO and
# LIBR leave two ends of LI.FI clean, LIFO, seniority and TIHO two of the phishing theft. That is no error of the
# trace: a rule decides what counts as stolen where coin mixes. The ends that only some rules reach are listed below.


# %%
def reached(case: tracer.Case, rule: str) -> set[str]:
    held = case.taint(rule).addresses(ranges=False)
    return set(held.loc[held["received_taint_raw"] > 0, "address"])


count = pd.DataFrame(
    {
        name: {rule: len(reached(case, rule) & ends[name]) for rule in RULES} | {"published": len(ends[name])}
        for name, case in cases.items()
    }
)
assert count.loc["haircut"].tolist() == count.loc["published"].tolist()
count

# %%
pd.DataFrame(
    [
        (name, address, ", ".join(rule for rule in RULES if address not in reached(case, rule)))
        for name, case in cases.items()
        for address in sorted(ends[name])
        if any(address not in reached(case, rule) for rule in RULES)
    ],
    columns=["case", "published end", "not reached under"],
)

# %% [markdown]
# ## Who has it now
#
# Endpoints name the service where a label or an inferred deposit address does, and give the range that holds under
# every admissible rule. This is whom to write to.

# %%
services = pd.concat(
    [case.endpoints(by="service").assign(case=name) for name, case in cases.items()], ignore_index=True
)
services[["case", "service", "endpoint", "addresses", "taint", "at_least_raw", "at_most_raw", "range_kind"]]

# %% [markdown]
# ## Which addresses belong together
#
# Deposit addresses of an instant exchanger show whose customer paid: each row is a question to put to it.

# %%
deposits = cases["txphish-2024"].deposits()
print(f"{deposits['deposit'].nunique()} deposit addresses, {len(deposits)} forwarded payments")
deposits.head(3)

# %%
for name, case in cases.items():
    links, members = case.cluster_links(), case.clusters().groupby("cluster_id")["address"].nunique()
    print(f"{name}: {links['rule'].value_counts().to_dict()}; largest cluster: {members.max()} addresses")

# %% [markdown]
# ## What the lists do not say, and the files for the court

# %%
for name, case in cases.items():
    gaps = case.gaps()
    print(name, gaps["status"].value_counts().to_dict())
    print("  " + gaps.set_index("code").loc["valued_in_usd", "message"])

# %%
for name, case in cases.items():
    written = case.export(work / "out" / name)
    account = case.taint().conservation()
    assert account["difference_raw"].eq(0).all()
    print(name, len(written), "files; stolen = held to the cent:", account["held_raw"].iloc[0])
