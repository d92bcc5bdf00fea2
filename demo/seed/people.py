"""Who works and buys here."""

from array import array
from dataclasses import dataclass, field
from random import Random

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils.text import slugify

from accounts.models import User
from demo.logins import ADMINISTRATOR, DANIEL, MINJI, STAFF, Login, staff
from demo.seed.moments import DAY, HOUR, aware
from demo.seed.points import Ledger
from demo.seed.tables import ADDRESSES, EMAILS, USERS, Writer

FAMILY_NAMES = (
    *("Kim", "Lee", "Park", "Choi", "Jung", "Kang", "Cho", "Yoon", "Jang", "Lim"),
    *("Han", "Oh", "Seo", "Shin", "Kwon", "Hwang", "Ahn", "Song", "Ryu", "Hong"),
    *("Ivanova", "Smith", "Tran", "Sato", "Müller", "Petrov", "Garcia", "Chen"),
)
GIVEN_NAMES = (
    *("Seo-yeon", "Min-jun", "Ji-woo", "Ha-eun", "Do-yun", "Su-bin", "Ye-jin"),
    *("Jun-seo", "Chae-won", "Hyun-woo", "Da-eun", "Eun-ji", "Tae-yang", "So-yul"),
    *("Jae-min", "Na-ri", "Sung-ho", "Yu-na", "Dong-hyun", "Ga-eul", "In-su", "Bo-ra"),
    *("Anna", "Daniel", "Olga", "Marco", "Linh", "Kenji", "Emma", "Pavel", "Lucia"),
)
# Street, postal code of its first house, city.
STREETS = (
    ("Sejong-daero", 4524, "Seoul"),
    ("Teheran-ro", 6236, "Seoul"),
    ("Yanghwa-ro", 4036, "Seoul"),
    ("Itaewon-ro", 4405, "Seoul"),
    ("Bukchon-ro", 3055, "Seoul"),
    ("Haeundaehaebyeon-ro", 48094, "Busan"),
    ("Gwangbok-ro", 48953, "Busan"),
    ("Dongseong-ro", 41938, "Daegu"),
    ("Convensia-daero", 21998, "Incheon"),
    ("Geumnam-ro", 61475, "Gwangju"),
    ("Daehak-ro", 34141, "Daejeon"),
    ("Hwaseomun-ro", 16490, "Suwon"),
    ("Gyeonggijeon-gil", 55041, "Jeonju"),
    ("Gangneung-daero", 25524, "Gangneung"),
    ("Jungang-ro", 63186, "Jeju"),
)
# Who did what staff did in the story.
BUSIEST = "manager"
KOREAN_SHARE = 0.8
MARKETING_SHARE = 0.4
FLAT_SHARE = 0.6
VERIFIED_SHARE = 0.9
# Most shoppers are older than the story; the others come while it runs.
OLD_SHARE = 0.65
OLDEST = 300 * DAY


@dataclass(slots=True)
class People:
    """The shoppers by place; the demo's logins are the first, ids follow each other."""

    staff_id: int
    first_id: int
    emails: list[str] = field(default_factory=list)
    # As orders freeze them.
    addresses: list[dict[str, str]] = field(default_factory=list)
    # When each registered, ascending.
    registered: "array[int]" = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.emails)

    def id_of(self, place: int) -> int:
        return self.first_id + place


def move_in(
    writer: Writer, ledger: Ledger, count: int, rng: Random, *, start: int, end: int
) -> People:
    """Write staff and ``count`` shoppers with accounts, addresses and e-mail."""
    opening = start - OLDEST - DAY
    staff_id, last_id = _hire(opening)
    people = People(staff_id=staff_id, first_id=last_id + 1)
    for place, at in enumerate(_arrivals(count, rng, start, end)):
        login = (MINJI, DANIEL)[place] if place < 2 else None  # noqa: PLR2004
        name = _name(login, rng)
        email = login.email if login else f"{slugify(name)}.{place}@example.com"
        _write_shopper(writer, people, name, email, login, rng, at)
        ledger.open(people.id_of(place), at)
    writer.flush()
    return people


def _hire(at: int) -> tuple[int, int]:
    """Create the staff the usual way; return the manager's id and the last one."""
    hired = [
        User.objects.create_superuser(
            ADMINISTRATOR.email, ADMINISTRATOR.password, name="Shop administrator"
        )
    ]
    ids = {}
    for role, name in STAFF.items():
        login = staff(role)
        user = User.objects.create_user(
            login.email, login.password, name=name, is_staff=True
        )
        user.groups.set(Group.objects.filter(name=role))
        ids[role] = user.pk
        hired.append(user)
    User.objects.filter(pk__in=[user.pk for user in hired]).update(created_at=aware(at))
    return ids[BUSIEST], user.pk


def _arrivals(count: int, rng: Random, start: int, end: int) -> list[int]:
    old = max(2, int(count * OLD_SHARE))
    before = [start - rng.randrange(HOUR, OLDEST) for _ in range(old)]
    since = [rng.randrange(start, end) for _ in range(count - old)]
    return sorted(before + since)[:count]


def _name(login: Login | None, rng: Random) -> str:
    family, given = rng.choice(FAMILY_NAMES), rng.choice(GIVEN_NAMES)
    if login is MINJI:
        return "Kim Min-ji"
    if login is DANIEL:
        return "Daniel Weber"
    return f"{family} {given}" if "-" in given else f"{given} {family}"


def _write_shopper(
    writer: Writer,
    people: People,
    name: str,
    email: str,
    login: Login | None,
    rng: Random,
    at: int,
) -> None:
    number = people.first_id + len(people)
    phone = f"+82 10-{rng.randrange(2000, 9999)}-{rng.randrange(10_000):04}"
    # Nobody can sign in with a password that starts with "!".
    password = make_password(login.password) if login else "!nobody knows it"
    language = "en" if login else ("ko" if rng.random() < KOREAN_SHARE else "en")
    marketing = rng.random() < MARKETING_SHARE
    person = (number, password, False, email, name, phone, language, marketing)
    writer.add(USERS, (*person, True, False, 0, aware(at)))
    is_verified = login is not None or rng.random() < VERIFIED_SHARE
    writer.add(EMAILS, (email, is_verified, True, number))
    address = _address(name, phone, rng)
    writer.add(ADDRESSES, (number, *address.values(), True, aware(at)))
    people.emails.append(email)
    people.addresses.append(address)
    people.registered.append(at)


def _address(name: str, phone: str, rng: Random) -> dict[str, str]:
    street, code, city = rng.choice(STREETS)
    house = rng.randrange(1, 180)
    flat = f"{rng.randrange(2, 25)}{rng.randrange(1, 9):02}-ho"
    return {
        "recipient": name,
        "phone": phone,
        "postal_code": f"{code + house // 10:05}",
        "line1": f"{house} {street}",
        "line2": flat if rng.random() < FLAT_SHARE else "",
        "city": city,
        "country": "KR",
    }
