"""What a node can do, found out by asking it, in one batch with the question which chain it is.

Each history asks, so that its recording holds the answers; they are settled, so that they are sent once. A node that is
given more abilities is asked anew only when the whole collection is (`tracer collect --again`).
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer.chains.evm_values import quantity
from tracer.chains.jsonrpc_answers import Call, Refusal
from tracer.chains.jsonrpc_asking import Node
from tracer.errors import ProviderStopError, shown

__all__ = ["Abilities", "probe"]

_NO_HASH = "0x" + "0" * 64
_NOBODY = "0x" + "0" * 40


@dataclass(frozen=True, slots=True)
class Abilities:
    """find_traces: trace_filter. find_pages: ots_searchTransactionsBefore (Otterscan). flat: trace_transaction. tree:
    debug_traceTransaction with the callTracer.
    """

    find_traces: bool
    find_pages: bool
    flat: bool
    tree: bool


_PROBES = (
    Call("eth_chainId"),
    Call("trace_filter", ({"fromBlock": "0x1", "toBlock": "0x1", "fromAddress": [_NOBODY]},)),
    Call("ots_getApiLevel"),
    Call("trace_transaction", (_NO_HASH,)),
    Call("debug_traceTransaction", (_NO_HASH, {"tracer": "callTracer"})),
)


async def probe(node: Node, chain: str) -> Abilities:
    """What the node can do. Raises ProviderStopError if it is a node of another chain than `chain` (CAIP-2)."""
    answers = await node.results(_PROBES, settled=True)
    which = answers[0]
    if isinstance(which, Refusal):
        raise ProviderStopError(
            f"The provider does not say which chain it serves: {shown(which.words)}.", "Check its address."
        )
    served = f"eip155:{quantity(which, 'the chain id')}"
    if served != chain:
        raise ProviderStopError(
            f"The provider serves {served}, not {chain}.", f"Name the address of a node of {chain}."
        )
    able = [not (isinstance(answer, Refusal) and answer.unsupported) for answer in answers[1:]]
    return Abilities(*able)
