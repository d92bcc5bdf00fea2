"""Payments, refunds, and what providers told us of them."""

from payments.models.payment import GIVEN_UP as GIVEN_UP
from payments.models.payment import NEXT_STATES as NEXT_STATES
from payments.models.payment import OPEN as OPEN
from payments.models.payment import OWN_METHODS as OWN_METHODS
from payments.models.payment import UNDER_WAY as UNDER_WAY
from payments.models.payment import Payment as Payment
from payments.models.payment import PaymentMethod as PaymentMethod
from payments.models.payment import PaymentState as PaymentState
from payments.models.providers import InboxState as InboxState
from payments.models.providers import ProviderEvent as ProviderEvent
from payments.models.providers import SandboxPayment as SandboxPayment
from payments.models.providers import SandboxState as SandboxState
from payments.models.refunds import IS_OF_SALE_SQL as IS_OF_SALE_SQL
from payments.models.refunds import UNSOLD as UNSOLD
from payments.models.refunds import LegState as LegState
from payments.models.refunds import Refund as Refund
from payments.models.refunds import RefundLeg as RefundLeg
from payments.models.refunds import RefundLine as RefundLine
