"""Stars, authors and photos of reviews in templates."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from reviews import pictures
from reviews.models import HIGHEST, STARS, Review, ReviewPhoto
from shop.reviews import author_of
from shop.templatetags.shop import icon

register = template.Library()
register.filter("author", author_of)


@register.simple_tag
def stars(rating: int) -> SafeString:
    """Draw a rating as stars; who cannot see them is told the number."""
    words = ngettext(
        "%(rating)s star out of %(most)s", "%(rating)s stars out of %(most)s", rating
    ) % {"rating": rating, "most": HIGHEST}
    drawn = format_html_join(
        "",
        '<span class="{}">{}</span>',
        [("star-on" if star <= rating else "star-off", icon("star")) for star in STARS],
    )
    outer = '<span class="stars" role="img" aria-label="{}">{}</span>'
    return format_html(outer, words, drawn)


@register.filter
def photo_url(photo: ReviewPhoto) -> str:
    """Return the address of a photo."""
    return pictures.url(str(photo.image))


@register.filter
def small_photo_url(photo: ReviewPhoto) -> str:
    """Return the address of a photo's small size."""
    return pictures.url(pictures.small_name(str(photo.image)))


@register.filter
def small_avif_url(photo: ReviewPhoto) -> str:
    """Return the address of a photo's small size for browsers that know AVIF."""
    return pictures.url(pictures.small_name(str(photo.image), "avif"))


@register.filter
def is_by(review: Review, user_id: int | None) -> bool:
    """Tell whether somebody wrote a review."""
    return review.user_id == user_id
