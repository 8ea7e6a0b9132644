"""Turns a route into a signed transaction, kept in memory until it is recorded."""

from __future__ import annotations

from cambist.engine.quoting import draw_key
from cambist.faults import Code, fault
from cambist.orders.attempt import Attempt
from cambist.orders.order import Order
from cambist.orders.steps import Built, Faulted
from cambist.ports.chain import Chain, Swap
from cambist.ports.errors import PortDown
from cambist.ports.signer import Signer
from cambist.values.route import Route


async def build(chain: Chain, signer: Signer, order: Order, route: Route) -> Built | Faulted:
    """Return a signed attempt that the chain would accept now, or why there is none."""
    swap = Swap(
        order.id,
        order.attempts_made + 1,
        order.intent.wallet or signer.address,
        route,
        draw_key(order),
    )
    try:
        recent = await chain.blockhash()
        message = chain.compose(swap, recent)
        refusal = await chain.simulate(message)
        if refusal is not None:
            return Faulted(refusal)
        signed = await signer.sign(message)
    except PortDown as down:
        return Faulted(fault(Code.RPC_UNREACHABLE, str(down)))
    attempt = Attempt(
        swap.attempt,
        signed.signature,
        recent.text,
        recent.last_valid_height,
        recent.slot,
        transaction=signed.transaction,
    )
    return Built(attempt)
