"""The shipped contracts: versioned pydantic classes, code without I/O.

`SHIPPED` lists them all; what is not listed there is not shipped.
"""

from __future__ import annotations

from contracts.base import Contract, Kind, Value
from contracts.customer import CustomerV1
from contracts.opportunity import OpportunityV1
from contracts.order import OrderV1
from contracts.payment import PaymentV1
from contracts.prediction import Prediction, prediction_contract
from contracts.ticket import TicketV1

SHIPPED: tuple[type[Contract], ...] = (
    CustomerV1,
    OpportunityV1,
    OrderV1,
    PaymentV1,
    Prediction,
    TicketV1,
)

__all__ = ["SHIPPED", "Contract", "Kind", "Prediction", "Value", "prediction_contract"]
