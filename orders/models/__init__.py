"""Orders, their parcels, their returns, their invoices, and notes about them."""

from orders.models.invoices import Invoice as Invoice
from orders.models.notes import OrderNote as OrderNote
from orders.models.order import DEAD as DEAD
from orders.models.order import FROZEN_FIELDS as FROZEN_FIELDS
from orders.models.order import IS_EXPIRING as IS_EXPIRING
from orders.models.order import IS_LATE as IS_LATE
from orders.models.order import MAX_QUANTITY as MAX_QUANTITY
from orders.models.order import NEXT_STATUSES as NEXT_STATUSES
from orders.models.order import READDRESSABLE as READDRESSABLE
from orders.models.order import SETTLED as SETTLED
from orders.models.order import AddressChange as AddressChange
from orders.models.order import Order as Order
from orders.models.order import OrderEvent as OrderEvent
from orders.models.order import OrderLine as OrderLine
from orders.models.order import OrderQuerySet as OrderQuerySet
from orders.models.order import OrderStatus as OrderStatus
from orders.models.parcels import NEXT_RETURN_STATES as NEXT_RETURN_STATES
from orders.models.parcels import OPEN_RETURNS as OPEN_RETURNS
from orders.models.parcels import PARCEL_STAGES as PARCEL_STAGES
from orders.models.parcels import Fulfilment as Fulfilment
from orders.models.parcels import FulfilmentEvent as FulfilmentEvent
from orders.models.parcels import FulfilmentLine as FulfilmentLine
from orders.models.parcels import ParcelStage as ParcelStage
from orders.models.parcels import Return as Return
from orders.models.parcels import ReturnLine as ReturnLine
from orders.models.parcels import ReturnState as ReturnState
