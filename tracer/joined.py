"""The two ends of rows that tell inputs and outputs: who paid, and whom, as far as an address can be named.

A transaction of a Bitcoin-like chain takes its inputs together, so no input pays an output. Where one address owns all
inputs, it is the payer of all outputs. Where several do, the transaction itself stands between them, as `tx:<txid>`:
it is the payee of its inputs and the payer of its outputs. Nothing is guessed about who those owners are.

Outside tables only: the stored rows and the accounting keep inputs and outputs as they are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tracer.addresses import transaction_name
from tracer.model import Kind

__all__ = ["joined", "outpoint_codes"]


def joined(transfers: pd.DataFrame) -> pd.DataFrame:
    """A transfers table whose `spend`, `output` and balancing rows name both ends; other tables as they are.

    To be called on all rows of a transaction; rows that name both ends already stay as they are.
    """
    if "kind" not in transfers.columns:
        return transfers
    kind = transfers["kind"].astype(object).to_numpy()
    spend, output = kind == Kind.SPEND, kind == Kind.OUTPUT
    if not (spend.any() or output.any()):
        return transfers
    payer, payee = (
        transfers[name].fillna("").to_numpy(dtype=object, copy=True)
        for name in ("from_address", "to_address")
    )
    balance = np.isin(kind, [Kind.FEE, Kind.MINT]) & (payer == "") & (payee == "")
    part = np.flatnonzero(spend | output | balance)
    codes, names = pd.factorize(pd.MultiIndex.from_frame(transfers[["chain", "tx_hash"]].iloc[part]))
    own = np.full(len(kind), -1, dtype=np.int64)
    own[part] = codes
    payers: list[set[str]] = [set() for _ in names]
    for tx, address in zip(own[spend].tolist(), payer[spend].tolist(), strict=True):
        payers[tx].add(address)
    party = np.array(
        [
            "" if not p else next(iter(p)) if len(p) == 1 else transaction_name(t)
            for p, (_, t) in zip(payers, names, strict=True)
        ],
        dtype=object,
    )
    empty = payee == ""
    payee[spend & empty] = party[own[spend & empty]]
    gives = (output | (balance & (kind == Kind.FEE))) & (payer == "")
    payer[gives] = party[own[gives]]
    return transfers.assign(from_address=payer, to_address=payee)


def outpoint_codes(transfers: pd.DataFrame, first: int) -> tuple[np.ndarray, np.ndarray]:
    """(where coin comes from, where it goes), by row: numbers from `first` on, -1 for rows of accounts.

    An outpoint has a number of its own, and so has a transaction, in which its inputs meet.
    """
    nothing = np.full(len(transfers), -1, dtype=np.int64)
    if "kind" not in transfers.columns or "outpoint" not in transfers.columns:
        return nothing, nothing
    kind = transfers["kind"].astype(object).to_numpy()
    spend, output = kind == Kind.SPEND, kind == Kind.OUTPUT
    fee = (kind == Kind.FEE) & np.isin(transfers["tx_hash"], transfers["tx_hash"][spend].unique())
    if not (spend.any() or output.any()):
        return nothing, nothing
    chain = transfers["chain"].astype(str)
    point, _ = pd.factorize(chain + ":" + transfers["outpoint"].fillna("").astype(str))
    transaction, _ = pd.factorize(chain + ":" + transfers["tx_hash"].astype(str))
    beyond = first + len(transfers)
    comes = np.where(spend, first + point, np.where(output | fee, beyond + transaction, -1))
    goes = np.where(spend, beyond + transaction, np.where(output, first + point, -1))
    return comes, goes
