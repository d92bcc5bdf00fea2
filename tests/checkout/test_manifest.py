"""Lists of parcels: what is read of them, and what is wrong with each row."""

import pytest

from checkout import manifest
from checkout.errors import ManifestInvalid
from checkout.manifest import Row
from orders.models import Order
from tests.parcels import packed_order, paid_order, send


def problems(text: str) -> list[str]:
    return [
        each.problem for each in manifest.check(manifest.read(text, carrier="Post"))
    ]


@pytest.mark.parametrize(
    "text",
    [
        "AB12,T-1\nCD34,T-2,Post",
        "number,tracking,carrier\nAB12,T-1\nCD34,T-2,Post\n",
        "ab12; T-1 ;\r\n\r\ncd34;T-2;Post\r\n",
        "주문번호\t송장\nAB12\tT-1\nCD34\tT-2\tPost",
        '#AB12,"T-1"\n#CD34,"T-2",Post,something else',
    ],
)
def test_list_is_read_however_a_program_writes_it(text: str) -> None:
    assert manifest.read(text, carrier="CJ") == [
        Row(1, "AB12", "T-1", "CJ"),
        Row(2, "CD34", "T-2", "Post"),
    ]


def test_what_is_written_is_read_again() -> None:
    rows = [Row(1, "AB12", "T-1", 'Kim, "Lee" & Co'), Row(2, "CD34", "T-2", "Post")]

    assert manifest.read(manifest.write(rows)) == rows


@pytest.mark.parametrize(
    "text",
    ["", "\n \n", "number,tracking", "AB12,T-1\0", "x" * 200_001, "A,1\n" * 501],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ManifestInvalid):
        manifest.read(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_file_of_a_spreadsheet_is_text(encoding: str) -> None:
    assert manifest.decoded("AB12,T-1,우체국".encode(encoding)) == "AB12,T-1,우체국"


def test_picture_is_no_list() -> None:
    with pytest.raises(ManifestInvalid):
        manifest.read(manifest.decoded(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"))


@pytest.mark.django_db
def test_each_row_is_judged_on_its_own() -> None:
    good, twice, unpacked, gone = (
        packed_order(1),
        packed_order(1),
        paid_order(1),
        packed_order(1),
    )
    send(gone, number="T-9")

    assert problems(
        f"{good.number},T-1\n"
        f"{twice.number},T-2\n"
        f"{twice.number},T-3\n"
        "NOSUCH00,T-4\n"
        f"{unpacked.number},T-5\n"
        f"{gone.number},T-6\n"
    ) == [
        "",
        "The order is in the list more than once.",
        "The order is in the list more than once.",
        "There is no such order.",
        "The order is not being packed: Paid.",
        "The order is not being packed: Shipped.",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tracking", "problem"),
    [
        ("", "It has no tracking number."),
        ("=1+1", "This is no tracking number."),
        ("@SUM(A1)", "This is no tracking number."),
        ("<script>", "This is no tracking number."),
        ("6020\u200b9541", "This is no tracking number."),
        ("9" * 81, "Its tracking number is too long."),
        ("T-9", "Another order has this tracking number."),
        ("6020 9541-7", ""),
    ],
)
def test_number_is_one_that_a_carrier_could_give(tracking: str, problem: str) -> None:
    order = packed_order(1)
    send(packed_order(1), number="T-9")

    assert problems(f"{order.number},{tracking}") == [problem]


@pytest.mark.django_db
def test_two_parcels_have_two_numbers() -> None:
    one, two = packed_order(1), packed_order(1)

    assert (
        problems(f"{one.number},T-1\n{two.number},T-1")
        == ["The tracking number is in the list more than once."] * 2
    )


@pytest.mark.django_db
def test_carrier_is_named_by_the_row_or_for_all() -> None:
    order = packed_order(1)
    rows = manifest.read(f"{order.number},T-1")

    assert [each.problem for each in manifest.check(rows)] == ["It names no carrier."]
    assert problems(f"{order.number},T-1,{'x' * 61}") == ["This is no carrier’s name."]


@pytest.mark.django_db
def test_many_rows_take_two_statements(django_assert_num_queries: object) -> None:
    numbers = [packed_order(1).number for _ in range(3)]
    rows = manifest.read("\n".join(f"{n},T-{n}" for n in numbers), carrier="Post")

    with django_assert_num_queries(2):  # type: ignore[operator]
        checked = manifest.check(rows)

    assert [each.order for each in checked] == list(
        Order.objects.filter(number__in=numbers).order_by("pk")
    )
