"""Invoices and packing slips: what stands on them, in three alphabets, and for whom."""

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import translation
from pypdf import PdfReader
from pytest_django import Settings

from accounts.models import User
from catalog import services as catalog
from checkout import documents
from checkout import services as checkout
from checkout.services import Purchase
from common import pdf
from common.pdf import PrinterBusy, pdf_of
from orders.models import Invoice, Order
from tests.factories import (
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    StaffFactory,
    UserFactory,
)
from tests.shop.pages import body_of, text_of

pytestmark = pytest.mark.django_db
NAMES = ("Moon jar", "Лунная ваза", "달항아리 큰 것")
ADDRESS = {
    "recipient": "김민지",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "line1": "세종대로 110",
    "line2": "7층",
    "city": "서울",
    "country": "KR",
}


@pytest.fixture
def merchant(settings: Settings) -> None:
    settings.SHOP_LEGAL_NAME = "주식회사 도장"
    settings.SHOP_LEGAL_ADDRESS = "12 Bukchon-ro; Seoul 03051"
    settings.SHOP_TAX_ID = "123-45-67890"


def ordered(
    user: User, names: Sequence[str] = NAMES, *, price: int = 10_000, **choices: Any
) -> Order:
    """Let somebody order two of each, and pay."""
    DeliveryMethodFactory.create(cost=3_000, free_from=None)
    products = [ProductFactory.create(name=name, price=price) for name in names]
    draft = checkout.place_and_pay(
        Purchase(
            user_id=user.pk,
            email=user.email,
            quantities={product.pk: 2 for product in products},
            address=ADDRESS,
            **choices,
        )
    )
    return Order.objects.get(pk=draft.id)


def words_of(content: bytes) -> str:
    """Return what can be read in a PDF, on one line."""
    pages = PdfReader(BytesIO(content)).pages
    text = " ".join(page.extract_text() for page in pages)
    return re.sub(r"\s+", " ", text)


# --- What stands on an invoice -------------------------------------------------------


@pytest.mark.usefixtures("merchant")
def test_invoice_says_who_what_and_for_how_much(
    signed_in: Client, shopper: User
) -> None:
    coupon = CouponFactory.create(user=shopper, batch__name="Spring")
    order = ordered(shopper, coupon_id=coupon.pk)

    text = text_of(signed_in.get(f"/orders/{order.number}/invoice/"))

    assert "Invoice 1 Seller 주식회사 도장 12 Bukchon-ro Seoul 03051" in text
    assert (
        "Tax number: 123-45-67890 Buyer 김민지 세종대로 110, 7층 04524 서울 KR" in text
    )
    assert f"+82 10-1234-5678 {shopper.email} Order {order.number} Issued:" in text
    assert "Moon jar SKU-" in text
    assert "₩10,000 2 −₩2,000 ₩18,000" in text
    assert "Products ₩60,000 Discount: Spring −₩6,000 Delivery ₩3,000" in text
    assert "Total ₩57,000 Paid: Points ₩57,000 Thank you" in text


def test_names_and_prices_are_those_of_the_order(
    signed_in: Client, shopper: User
) -> None:
    order = ordered(shopper, ["Moon jar"])
    product_id = order.lines.get().product_id
    catalog.change_price(product_id=product_id, price=99_000, cause="x", actor_id=None)

    text = text_of(signed_in.get(f"/orders/{order.number}/invoice/"))

    assert "₩10,000 2 ₩20,000" in text
    assert "99,000" not in text


def test_refunds_stand_below_the_total(signed_in: Client, shopper: User) -> None:
    order = ordered(shopper, ["Moon jar"])
    checkout.cancel(order_id=order.pk, user_id=None, actor_id=None, reason="between us")

    text = text_of(signed_in.get(f"/orders/{order.number}/invoice/"))

    assert "Total ₩23,000 Paid: Points ₩23,000 Refunded on" in text
    assert "−₩23,000 Total after refunds ₩0" in text
    assert "between us" not in text


def test_texts_of_people_are_no_markup(signed_in: Client, shopper: User) -> None:
    order = ordered(shopper, ['<img src="http://127.0.0.1:1/x"><b>pot</b>'])

    page = signed_in.get(f"/orders/{order.number}/invoice/")
    file = signed_in.get(f"/orders/{order.number}/invoice.pdf")

    assert "<img" not in body_of(page)
    assert "&lt;img src=" in body_of(page)
    assert '<img src="http://127.0.0.1:1/x"><b>pot</b>' in words_of(file.content)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Total ₩63,000"), ("ko", "₩63,000"), ("ru", "63 000 ₩")],
)
def test_pdf_has_all_three_alphabets_in_every_language(
    client: Client, shopper: User, language: str, words: str
) -> None:
    order = ordered(shopper)
    client.force_login(shopper)

    response = client.get(
        f"/orders/{order.number}/invoice.pdf", headers={"Accept-Language": language}
    )

    text = words_of(response.content)
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == (
        f'inline; filename="invoice-{order.number}.pdf"'
    )
    for name in (*NAMES, "김민지", "서울", words):
        assert name in text
    fonts = PdfReader(BytesIO(response.content)).pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    names = {str(font.get_object()["/BaseFont"]) for font in fonts.values()}
    assert {name.partition("+")[2] for name in names if "+" in name} == {
        "Pretendard-Regular",
        "Pretendard-Bold",
    }


def test_long_order_goes_on_with_its_heading(shopper: User) -> None:
    names = [f"Cup {'long' * 40} {n}" for n in range(60)]
    order = ordered(shopper, names, price=100)

    content = documents.file_of(documents.INVOICE, documents.invoice_of(order) or {})

    pages = PdfReader(BytesIO(content)).pages
    assert len(pages) > 2
    assert all("Unit price" in page.extract_text() for page in pages[:-1])
    assert f"1 / {len(pages)}" in words_of(content)


# --- Who may see it ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["invoice/", "invoice.pdf"])
def test_invoice_is_for_its_shopper_alone(
    client: Client, shopper: User, path: str
) -> None:
    order = ordered(shopper, ["Moon jar"])
    asked = f"/orders/{order.number}/{path}"

    assert client.get(asked)["Location"] == f"/accounts/login/?next={asked}"
    client.force_login(UserFactory.create())
    assert client.get(asked).status_code == 404
    assert client.get(f"/orders/7KQF2M9X4T/{path}").status_code == 404
    assert client.post(asked).status_code == 405
    assert not Invoice.objects.exists()


@pytest.mark.parametrize("path", ["invoice/", "invoice.pdf"])
def test_unpaid_order_has_no_invoice(
    signed_in: Client, shopper: User, path: str
) -> None:
    product = ProductFactory.create()
    draft = checkout.place_order(
        Purchase(user_id=shopper.pk, email=shopper.email, quantities={product.pk: 1})
    )

    assert signed_in.get(f"/orders/{draft.number}/{path}").status_code == 404
    assert not Invoice.objects.exists()


def test_order_page_links_the_invoice_once_it_is_paid(
    signed_in: Client, shopper: User
) -> None:
    order = ordered(shopper, ["Moon jar"])

    page = body_of(signed_in.get(f"/orders/{order.number}/"))

    assert f'href="/orders/{order.number}/invoice/"' in page
    assert f'href="/orders/{order.number}/invoice.pdf"' in page


# --- Drawing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="http://127.0.0.1:1/x.png">',
        '<img src="/etc/passwd">',
        '<link rel="stylesheet" href="file:///etc/passwd">',
        '<img src="data:image/png;base64,AAAA">',
    ],
)
def test_document_that_asks_for_anything_is_refused(markup: str) -> None:
    with pytest.raises(ValueError, match="must not ask"):
        pdf_of(f"<p>{markup}</p>")


def test_document_that_takes_too_long_is_given_up(
    signed_in: Client, shopper: User
) -> None:
    order = ordered(shopper, ["Moon jar"])
    pdf._nothing_else.cache_clear()
    with patch.object(pdf, "LONGEST_RENDER", 0.0):
        response = signed_in.get(f"/orders/{order.number}/invoice.pdf")
    pdf._nothing_else.cache_clear()

    assert (response.status_code, response["Retry-After"]) == (503, "5")


def test_nobody_waits_for_the_printer_for_ever() -> None:
    with (
        patch.object(pdf, "LONGEST_TURN", 0.01),
        pdf._turn,
        pytest.raises(PrinterBusy),
    ):
        pdf_of("<p>x</p>")


# --- Packing slips -------------------------------------------------------------------


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(StaffFactory.create())
    return client


def test_slip_says_what_is_left_to_send_and_no_prices(
    staff: Client, shopper: User
) -> None:
    order = ordered(shopper)

    page = staff.get(f"/admin/orders/order/{order.pk}/packing-slip/")
    file = staff.get(f"/admin/orders/order/{order.pk}/packing-slip/?as=pdf")

    for text in (text_of(page), words_of(file.content)):
        assert f"Order {order.number}" in text
        assert "김민지 세종대로 110, 7층 04524 서울" in text
        assert all(name in text for name in NAMES)
        assert "Pieces 6" in text
        assert "₩" not in text


def test_slip_of_a_parcel_says_what_is_in_it(staff: Client, shopper: User) -> None:
    order = ordered(shopper)
    first = order.lines.order_by("pk")[0]
    checkout.pack(order_id=order.pk, actor_id=None)
    checkout.ship(
        order_id=order.pk,
        carrier="CJ",
        tracking_number="6128",
        lines={first.pk: 1},
        actor_id=None,
    )
    parcel = order.fulfilments.get()

    inside = text_of(
        staff.get(f"/admin/orders/order/{order.pk}/parcels/{parcel.pk}/packing-slip/")
    )
    left = text_of(staff.get(f"/admin/orders/order/{order.pk}/packing-slip/"))

    assert "CJ 6128" in inside
    assert "Moon jar" in inside
    assert "Лунная ваза" not in inside
    assert "Pieces 1" in inside
    assert "Pieces 5" in left


def test_slips_of_many_orders_are_on_pages_of_their_own(
    staff: Client, shopper: User
) -> None:
    orders = [ordered(shopper, ["Moon jar"]) for _ in range(3)]
    chosen = {"action": "print_slips", "_selected_action": [o.pk for o in orders]}

    page = body_of(staff.post("/admin/orders/order/", chosen))
    content = documents.file_of(
        documents.PACKING_SLIPS, documents.packing_slips_of(orders)
    )

    assert page.count('<section class="sheet">') == 3
    assert all(f"Order {order.number}" in page for order in orders)
    assert len(PdfReader(BytesIO(content)).pages) == 3


def test_slip_of_a_sent_order_is_empty(shopper: User) -> None:
    order = ordered(shopper, ["Moon jar"])
    checkout.pack(order_id=order.pk, actor_id=None)
    checkout.ship(order_id=order.pk, carrier="CJ", actor_id=None)

    with translation.override("en"):
        page = documents.page_of(
            documents.PACKING_SLIPS, documents.packing_slips_of([order])
        )

    assert "Nothing of this order is left to send." in page


@pytest.mark.parametrize("path", ["packing-slip/", "invoice/"])
def test_papers_in_the_admin_are_for_staff_who_may_see_orders(
    client: Client, shopper: User, path: str
) -> None:
    order = ordered(shopper, ["Moon jar"])
    asked = f"/admin/orders/order/{order.pk}/{path}"
    client.force_login(UserFactory.create(is_staff=True))

    assert client.get(asked).status_code == 403
    client.force_login(shopper)
    assert client.get(asked).status_code == 302
