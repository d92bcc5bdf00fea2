"""Every kind of news can be written in every language, with nothing missing."""

import re
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import translation

from notifications.facts import facts_of, url_of
from notifications.kinds import KINDS, TOPICS, kind_of
from notifications.letters import letter_of
from notifications.models import Channel, Message
from notifications.wording import words
from tests.notifications.events import CHARGE, ORDER, PAYLOADS

LANGUAGES = [code for code, _name in settings.LANGUAGES]


OF_CHARGES = ("payment.failed", "payment.returned")


def message(
    topic: str,
    language: str,
    channel: Channel = Channel.EMAIL,
    payload: dict[str, Any] | None = None,
) -> Message:
    payload = payload or PAYLOADS[topic]
    kind = kind_of(topic, payload)
    assert kind is not None
    return Message(
        pk=1,
        event_id=UUID("0199d2a0-0000-7000-8000-00000000000f"),
        guest_email="guest@example.com",
        channel=channel,
        address="guest@example.com",
        kind=kind.name,
        language=language,
        params=facts_of(payload),
        url=url_of(kind, payload | {"user_id": 1}),
    )


def test_every_topic_is_tried_and_every_kind_reached() -> None:
    reached = {kind_of(topic, payload) for topic, payload in PAYLOADS.items()}
    reached |= {kind_of(topic, CHARGE) for topic in OF_CHARGES}

    assert set(PAYLOADS) == TOPICS
    assert reached == set(KINDS.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_letter_has_all_it_needs(topic: str, language: str) -> None:
    with override_settings(
        TEMPLATES=[
            {
                **settings.TEMPLATES[0],
                "OPTIONS": {
                    **settings.TEMPLATES[0]["OPTIONS"],
                    "string_if_invalid": "HOLE(%s)",
                },
            }
        ]
    ):
        letter = letter_of(message(topic, language))

    for part in (letter.subject, letter.text, letter.html):
        assert "HOLE" not in part
        assert "%(" not in part
        assert "None" not in part
    assert "\n" not in letter.subject
    assert f'<html lang="{language}">' in letter.html
    assert settings.SHOP_BASE_URL in letter.text
    assert not re.search(r"&(amp|lt|gt|quot|#)", letter.text)
    assert "<" not in letter.text.replace("<small>", "")


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
@pytest.mark.parametrize("topic", sorted(TOPICS - {"promotion.started"}))
def test_subject_speaks_the_language(topic: str, language: str) -> None:
    subject = letter_of(message(topic, language)).subject

    assert subject != letter_of(message(topic, "en")).subject
    script = {"ko": r"[\uac00-\ud7a3]", "ru": r"[\u0400-\u04ff]"}[language]
    assert re.search(script, subject)


def test_letter_of_a_paid_order_says_what_was_bought_for_how_much() -> None:
    letter = letter_of(message("order.paid", "en"))

    assert letter.subject == "Order ABCD-1234-5 is paid"
    assert letter.to == "guest@example.com"
    assert "3 × Celadon cup <small> & saucer: ₩45,000" in letter.text
    assert "₩5,000" in letter.text
    assert "Delivery: ₩3,000" in letter.text
    assert "Total: ₩43,000" in letter.text
    assert "http://127.0.0.1:8000/orders/ABCD-1234-5/" in letter.text
    assert "Celadon cup &lt;small&gt; &amp; saucer" in letter.html
    assert "<small>" not in letter.html


def test_amounts_and_moments_are_written_as_the_reader_does() -> None:
    assert "43 000" in letter_of(message("order.paid", "ru")).text.replace("\xa0", " ")
    back = {
        language: letter_of(message("stock.back", language)).text
        for language in LANGUAGES
    }

    # The shop's clock: 06:30 in UTC.
    assert "Nov 21, 2026, 15:30" in back["en"]
    assert "2026. 11. 21." in back["ko"]
    assert "21 нояб. 2026" in back["ru"]
    assert all("15:30" in text for text in back.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", OF_CHARGES)
def test_payment_for_points_has_a_letter_without_an_order(
    topic: str, language: str
) -> None:
    letter = letter_of(message(topic, language, payload=CHARGE))

    assert "None" not in letter.text
    assert "/points/" in letter.text
    assert "/orders/" not in letter.text
    if topic == "payment.returned":
        assert re.search(r"30.000", letter.text)


def test_money_that_came_too_late_is_named_by_what_was_paid() -> None:
    paid = CHARGE | {"number": "ABCD-1234-5", "amount": 43_000}

    text = letter_of(message("payment.returned", "en", payload=paid)).text

    assert "The order was closed by then, so we are sending ₩43,000 back." in text


def test_text_message_is_one_line_with_the_address() -> None:
    letter = letter_of(message("order.shipped", "en", Channel.SMS))

    assert letter.text == (
        "[Dojang] Your parcel from order ABCD-1234-5 is on its way. "
        "Carrier: CJ Logistics. Tracking number: 6811223344. "
        "http://127.0.0.1:8000/orders/ABCD-1234-5/"
    )
    assert letter.html == ""


def test_letter_says_less_where_less_is_known() -> None:
    kind = KINDS["order_shipped"]

    title, body = words(kind, facts_of({**ORDER, "parcel": {"carrier": "", "id": 3}}))

    assert title == "Your parcel from order ABCD-1234-5 is on its way"
    assert body == "You can follow it on the page of your order."


def test_subject_is_one_line_whatever_a_product_is_called() -> None:
    letter = message("stock.back", "en")
    letter.params["product_name"] = "Moon\r\nBcc: everybody@example.com"

    subject = letter_of(letter).subject

    assert subject == "Moon Bcc: everybody@example.com is back in stock"


def test_language_of_the_reader_does_not_stay_behind() -> None:
    letter_of(message("order.paid", "ru"))

    assert translation.get_language() == "en"
