"""What each page of the reports shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from analytics.models import ProductScore, ReportRun
from analytics.reports import campaigns, customers, funnel, sales
from analytics.reports.campaigns import Campaign, Confidence, Uplift
from analytics.reports.customers import Preferences, PriceBand
from analytics.reports.periods import Grain, Period
from analytics.reports.sales import Sales
from analytics.tables import Chart, Column, Kind, Report, Table, chart, written
from catalog.models import FruitlessSearch
from common.money import money
from delivery.models import DeliveryMethod

MOST = 100  # rows of a ranking
BANDS = {
    PriceBand.LOW: _("low"),
    PriceBand.MIDDLE: _("middle"),
    PriceBand.HIGH: _("high"),
}
CONFIDENCE = {
    Confidence.NONE: _("nobody to compare with"),
    Confidence.SMALL: _("too few to say"),
    Confidence.CHANCE: _("could be chance"),
    Confidence.LIKELY: _("unlikely to be chance"),
}
NET = Column(_("Net"), Kind.MONEY, has_bar=True)
MONEY_COLUMNS = (
    Column(_("Revenue"), Kind.MONEY),
    Column(_("Refunds"), Kind.MONEY),
    NET,
)


@dataclass(frozen=True, slots=True)
class Page:
    """A report with its name in the address; ``make`` reads it."""

    name: str
    title: Any
    make: Callable[[Period, Grain], Report]
    has_period: bool = True
    has_grain: bool = False


def sales_report(period: Period, grain: Grain) -> Report:
    """Show takings over time, beside the period before."""
    rows, before = (sales.over_time(one, grain) for one in (period, _before(period)))
    whole, then = sales.total(rows), sales.total(before)
    return Report(
        figures=[
            (_("Orders"), _compared(whole.orders or 0, then.orders or 0, Kind.NUMBER)),
            (_("Revenue"), _compared(whole.revenue, then.revenue, Kind.MONEY)),
            (_("Refunds"), _compared(whole.refunded, then.refunded, Kind.MONEY)),
            (_("Net"), _compared(whole.net, then.net, Kind.MONEY)),
            (_("Average order"), _compared(whole.average, then.average, Kind.MONEY)),
        ],
        chart=_net_chart(rows),
        tables=[
            Table(
                _("Sales over time"),
                [
                    Column(_("From"), Kind.DAY),
                    Column(_("Orders")),
                    Column(_("Units kept")),
                    *MONEY_COLUMNS,
                    Column(_("Average order"), Kind.MONEY),
                ],
                [
                    (r.key, r.orders, r.units, r.revenue, r.refunded, r.net, r.average)
                    for r in rows
                ],
            )
        ],
        notes=[
            _(
                "Revenue is with delivery and after discounts. Sales stand on the day"
                " they were paid, refunds on the day they were given. In brackets:"
                " beside as many days just before."
            )
        ],
        as_of=sales.computed_at(period),
    )


def product_report(period: Period, _grain: Grain) -> Report:
    """Rank products by what they brought in."""
    rows = sales.by_product(period, limit=MOST)
    return Report(
        tables=[
            Table(
                _("Products by net revenue"),
                [
                    Column(_("Product"), Kind.TEXT),
                    Column(_("Orders")),
                    Column(_("Units kept")),
                    *MONEY_COLUMNS,
                ],
                [
                    (r.name, r.orders, r.units, r.revenue, r.refunded, r.net)
                    for r in rows
                ],
                _product_urls([row.key for row in rows]),
            )
        ],
        as_of=sales.computed_at(period),
    )


def category_report(period: Period, _grain: Grain) -> Report:
    """Show what each category brought in."""
    rows = sales.by_category(period)
    return Report(
        tables=[
            Table(
                _("Categories by net revenue"),
                [
                    Column(_("Category"), Kind.TEXT),
                    Column(_("Units kept")),
                    *MONEY_COLUMNS,
                ],
                [(r.name, r.units, r.revenue, r.refunded, r.net) for r in rows],
            )
        ],
        notes=[_("Products count where they stand today.")],
        as_of=sales.computed_at(period),
    )


def delivery_report(period: Period, _grain: Grain) -> Report:
    """Show what was sold by each way of delivery."""
    names = dict(DeliveryMethod.objects.values_list("code", "name"))
    rows = sales.by_delivery(period)
    return Report(
        tables=[
            Table(
                _("Ways of delivery by net revenue"),
                [
                    Column(_("Delivery"), Kind.TEXT),
                    Column(_("Orders")),
                    *MONEY_COLUMNS,
                    Column(_("Average order"), Kind.MONEY),
                ],
                [
                    (
                        names.get(r.key, r.name) or _("None"),
                        r.orders,
                        r.revenue,
                        r.refunded,
                        r.net,
                        r.average,
                    )
                    for r in rows
                ],
            )
        ],
        as_of=sales.computed_at(period),
    )


def trend_report(_period: Period, _grain: Grain) -> Report:
    """Show what is on the rise, and what was bought most in a month and ever."""
    scores = ProductScore.objects.select_related("product")
    run = ReportRun.objects.filter(name=ReportRun.SCORES).first()
    popular = scores.filter(units_ever__gt=0).order_by(
        "-units_month", "-revenue_month", "product_id"
    )
    return Report(
        tables=[
            _trends(list(scores.filter(score__gt=0).by_trend()[:20])),
            _popular(list(popular[:50])),
        ],
        notes=[
            _(
                "The score adds up orders, and looks at a twentieth; a day counts half"
                " as much as one three days later. On the rise is what has at least 3"
                " orders in 3 days and is 2 deviations above its usual."
            )
        ],
        as_of=run.computed_at if run else None,
    )


def customer_report(period: Period, _grain: Grain) -> Report:
    """List who bought most in a time, with what they prefer."""
    start, end = period.bounds()
    people = customers.best_customers(start=start, end=end, sort="monetary", limit=MOST)
    return Report(
        tables=[
            Table(
                _("Customers who spent most"),
                [
                    Column(_("Customer"), Kind.TEXT),
                    Column(_("Last order"), Kind.DAY),
                    Column(_("Days since")),
                    Column(_("Orders")),
                    Column(_("Spent"), Kind.MONEY, has_bar=True),
                    Column(_("Favourites"), Kind.TEXT),
                    Column(_("Prices"), Kind.TEXT),
                ],
                [preference_row(one) for one in people],
                _urls("accounts_user", [one.user_id for one in people]),
            )
        ],
        notes=[
            _(
                "Who paid for an order in these days; the numbers are of all time."
                " Prices are the middle half of what they bought, and the third of the"
                " shop's prices that lies in."
            )
        ],
    )


def preference_row(one: Preferences) -> tuple[Any, ...]:
    """Return a customer's preferences as a row of a table."""
    return (
        one.email,
        one.last_paid_on,
        one.recency_days,
        one.frequency,
        one.monetary,
        ", ".join(f"{f.name} ({f.units})" for f in one.favourites) or "–",
        price_band(one),
    )


def price_band(one: Preferences) -> str:
    """Write which prices a customer prefers."""
    return f"{money(one.price_low)} – {money(one.price_high)} · {BANDS[one.band]}"


def campaign_report(period: Period, _grain: Grain) -> Report:
    """Judge coupons against those without them, and sum promotions up."""
    start, end = period.bounds()
    found = campaigns.batches(start=start, end=end, limit=MOST)
    given = campaigns.promotions(start=start, end=end, limit=MOST)
    money_columns = [
        Column(_("Used")),
        Column(_("Revenue kept"), Kind.MONEY, has_bar=True),
        Column(_("Cost"), Kind.MONEY),
        Column(_("New buyers")),
    ]
    return Report(
        tables=[
            Table(
                _("Coupons"),
                [
                    Column(_("Coupon"), Kind.TEXT),
                    Column(_("Issued")),
                    *money_columns,
                    Column(_("More per holder"), Kind.TEXT),
                    Column(_("How sure"), Kind.TEXT),
                ],
                [
                    (one.name, one.issued, *_effect(one), *_uplift(one.uplift))
                    for one in found
                ],
                _urls("coupons_couponbatch", [one.id for one in found]),
            ),
            Table(
                _("Promotions"),
                [Column(_("Promotion"), Kind.TEXT), *money_columns],
                [(one.name, *_effect(one)) for one in given],
            ),
        ],
        notes=[
            _(
                "More per holder: what holders spent while the coupon was valid more"
                " than others who had spent alike in the 90 days before, with a 95 %"
                " interval. Nobody was drawn by lot: who claims a coupon may have meant"
                " to buy anyway."
            ),
            _("Promotions are for everybody who fits: nobody is left to compare with."),
        ],
    )


def funnel_report(period: Period, grain: Grain) -> Report:
    """Show how many visits and orders came how far."""
    whole, steps = funnel.whole(period), funnel.over_time(period, grain)
    visits = [
        (_("Visits"), whole.visits),
        (_("Looked at a product"), whole.viewed),
        (_("Put something into the cart"), whole.added),
        (_("Bought"), whole.bought),
    ]
    orders = [(_("Orders placed"), whole.placed), (_("Paid"), whole.paid)]
    part = [Column(_("Number"), has_bar=True), Column(_("Of the first"), Kind.SHARE)]
    over_time = Table(
        _("Over time"),
        [
            Column(_("From"), Kind.DAY),
            *(Column(label) for label, _number in (*visits, *orders)),
        ],
        [
            (s.step, s.visits, s.viewed, s.added, s.bought, s.placed, s.paid)
            for s in steps
        ],
    )
    points = [(_day(s.step), s.paid, written(s.paid, Kind.NUMBER)) for s in steps]
    return Report(
        chart=chart(_("Orders that were paid, by the day they were placed"), points),
        tables=[
            over_time,
            _steps(_("Visits of those who may be observed"), visits, part),
            _steps(_("All orders"), orders, part),
        ],
        notes=[
            _(
                "Visits are a shopper's day in the shop, of those who let themselves be"
                " observed; orders are everybody's. So the two are not to be divided by"
                " one another."
            )
        ],
        as_of=funnel.computed_at(),
    )


def search_report(period: Period, _grain: Grain) -> Report:
    """List what was last looked for in vain in a time."""
    start, end = period.bounds()
    found = FruitlessSearch.objects.filter(last_at__gte=start, last_at__lt=end)
    return Report(
        tables=[
            Table(
                _("Searches without results"),
                [
                    Column(_("Text"), Kind.TEXT),
                    Column(_("Times"), has_bar=True),
                    Column(_("Looked for instead"), Kind.TEXT),
                    Column(_("Last time"), Kind.TIME),
                ],
                [
                    (one.text, one.times, one.corrected_to or None, one.last_at)
                    for one in found.order_by("-times", "-last_at")[:MOST]
                ],
            )
        ],
    )


PAGES = (
    Page("sales", _("Sales"), sales_report, has_grain=True),
    Page("products", _("Products"), product_report),
    Page("categories", _("Categories"), category_report),
    Page("delivery", _("Delivery"), delivery_report),
    Page("trends", _("Popular and trending"), trend_report, has_period=False),
    Page("customers", _("Customers"), customer_report),
    Page("campaigns", _("Campaigns"), campaign_report),
    Page("funnel", _("Funnel"), funnel_report, has_grain=True),
    Page("searches", _("Searches"), search_report),
)


def _before(period: Period) -> Period:
    try:
        return period.before
    except ValueError:
        return period


def _net_chart(rows: Sequence[Sales]) -> Chart:
    return chart(_("Net"), [(_day(row.key), row.net, money(row.net)) for row in rows])


def _compared(new: int, old: int, kind: Kind) -> str:
    text = written(new, kind)
    return f"{text} ({(new - old) * 100 // old:+d} %)" if old > 0 else text


def _day(day: Any) -> str:
    return date_format(day, "j M")


def _trends(scores: list[ProductScore]) -> Table:
    return Table(
        _("Trending"),
        [
            Column(_("Product"), Kind.TEXT),
            Column(_("On the rise"), Kind.TEXT),
            Column(_("Score"), Kind.DECIMAL, has_bar=True),
            Column(_("Orders in 3 days")),
            Column(_("Usual"), Kind.DECIMAL),
            Column(_("Deviations"), Kind.DECIMAL),
            Column(_("Visits with a look")),
        ],
        [
            (
                score.product.name,
                _("yes") if score.is_rising else None,
                score.score,
                score.recent_orders,
                score.usual_orders,
                score.z,
                score.recent_views,
            )
            for score in scores
        ],
        _product_urls([score.product_id for score in scores]),
    )


def _popular(scores: list[ProductScore]) -> Table:
    return Table(
        _("Popular"),
        [
            Column(_("Product"), Kind.TEXT),
            Column(_("Units in 30 days"), has_bar=True),
            Column(_("Net in 30 days"), Kind.MONEY),
            Column(_("Units ever")),
            Column(_("Net ever"), Kind.MONEY),
        ],
        [
            (
                score.product.name,
                score.units_month,
                score.revenue_month,
                score.units_ever,
                score.revenue_ever,
            )
            for score in scores
        ],
        _product_urls([score.product_id for score in scores]),
    )


def _effect(one: Campaign) -> tuple[int, int, int, int]:
    return one.used, one.revenue, one.cost, one.new_buyers


def _uplift(uplift: Uplift | None) -> tuple[str, str]:
    if uplift is None or uplift.confidence == Confidence.NONE:
        return "–", str(CONFIDENCE[Confidence.NONE])
    low, amount, high = (
        money(round(value)) for value in (uplift.low, uplift.amount, uplift.high)
    )
    groups = f"{uplift.holders} : {uplift.others}"
    return f"{amount} ({low} … {high})", f"{CONFIDENCE[uplift.confidence]}, {groups}"


def _steps(title: Any, steps: list[tuple[Any, int]], part: Sequence[Column]) -> Table:
    first = steps[0][1]
    return Table(
        title,
        [Column(_("Step"), Kind.TEXT), *part],
        [(label, n, n / first if first else None) for label, n in steps],
    )


def _product_urls(ids: Sequence[int]) -> list[str]:
    return _urls("catalog_product", ids)


def _urls(model: str, ids: Sequence[int]) -> list[str]:
    return [reverse(f"admin:{model}_change", args=[pk]) for pk in ids]
