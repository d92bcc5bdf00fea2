"""What the shoppers of the demo looked at on their way to what they bought."""

from collections.abc import Iterator
from random import Random
from uuid import UUID

from analytics import pseudonyms, recommendations
from analytics.models import Behaviour, Privacy
from catalog.models import Product
from demo.seed.moments import DAY, HOUR, MINUTE, aware, moment
from demo.seed.people import People
from demo.seed.tables import BEHAVIOUR, Row, Writer, analyse
from orders.models import OrderLine

# How many shoppers said yes, and how many visitors without an account did.
CONSENT_SHARE = 0.7
VISITORS_PER_SHOPPER = 3
WINDOW = 14 * DAY
# How often a list is followed: a good one, and a plain one.
CLICK_SHARES = {False: 0.16, True: 0.09}
FEWEST_VIEWS, MOST_VIEWS = 2, 4
# Neighbours in the catalogue are of one kind.
REACH = 4


class Visits:
    """Writes what happens in visits, under the visitors' pseudonyms."""

    def __init__(self, writer: Writer, rng: Random) -> None:
        self._writer = writer
        self._rng = rng
        products = Product.objects.on_sale().order_by("category_id", "pk")
        self._ids = list(products.values_list("pk", flat=True))
        self._places = {pk: place for place, pk in enumerate(self._ids)}

    def browse(self, actor: UUID, at: int, *, goal: int | None = None) -> None:
        """Look at a few products of one kind, the last of them the ``goal``."""
        rng = self._rng
        start = self._places.get(goal) if goal else rng.randrange(len(self._ids))
        if start is None:
            return
        session = pseudonyms.of_visit(actor, aware(at))
        views = rng.randint(FEWEST_VIEWS, MOST_VIEWS)
        for left in range(views - 1, -1, -1):
            place = start + (rng.randint(-REACH, REACH) if left else 0)
            product = self._ids[place % len(self._ids)]
            then = at - left * 2 * MINUTE
            self._note(Behaviour.VIEW, actor, session, product, "product", then)
            self._lists(actor, session, product, then)
        if goal:
            self._note(Behaviour.ADD, actor, session, goal, "", at + MINUTE)

    def buy(self, actor: UUID, at: int, product: int) -> None:
        """Note a purchase."""
        session = pseudonyms.of_visit(actor, aware(at))
        self._note(Behaviour.PURCHASE, actor, session, product, "", at)

    def _lists(self, actor: UUID, session: UUID, product: int, at: int) -> None:
        chance = CLICK_SHARES[pseudonyms.is_plain(actor)]
        self._note(Behaviour.SHOWN, actor, session, None, "related", at)
        if self._rng.random() < chance:
            self._note(Behaviour.CLICK, actor, session, product, "related", at)

    def _note(
        self,
        kind: Behaviour,
        actor: UUID,
        session: UUID,
        product: int | None,
        source: str,
        at: int,
    ) -> None:
        event_id = UUID(int=self._rng.getrandbits(128), version=4)
        row: Row = (event_id, kind.value, actor, session, product, source, aware(at))
        self._writer.add(BEHAVIOUR, row)


def observe(writer: Writer, people: People, rng: Random, now: int) -> None:
    """Write two weeks of behaviour, then make what recommendations are read from."""
    consenting = dict(_consenting(people, rng))
    Privacy.objects.bulk_create(
        Privacy(user_id=user_id, consents=True) for user_id in consenting
    )
    visits = Visits(writer, rng)
    lines = OrderLine.objects.filter(
        order__user__in=consenting, paid_at__gte=aware(now - WINDOW)
    ).order_by("pk")
    for user_id, product, paid in lines.values_list(
        "order__user_id", "product_id", "paid_at"
    ):
        if paid is None:
            continue
        visits.browse(consenting[user_id], moment(paid) - 5 * MINUTE, goal=product)
        visits.buy(consenting[user_id], moment(paid), product)
    for number in range(len(people) * VISITORS_PER_SHOPPER):
        actor = pseudonyms.of_visitor(f"demo {number}")
        visits.browse(actor, now - rng.randrange(HOUR, WINDOW))
    writer.flush()
    # Tables that were empty a moment ago look so to the planner: then it compares all
    # with all, which at some ten thousand orders takes minutes.
    analyse()
    recommendations.make_all()


def _consenting(people: People, rng: Random) -> Iterator[tuple[int, UUID]]:
    for place in range(len(people)):
        # The first two are those that one signs in as.
        if place < 2 or rng.random() < CONSENT_SHARE:  # noqa: PLR2004 — see above
            user_id = people.id_of(place)
            yield user_id, pseudonyms.of_user(user_id)
