"""How parcels can travel."""

from django.utils.translation import gettext_lazy as _

from common.admin import ModelAdmin, display, register
from common.money import money
from delivery.models import DeliveryMethod


@register(DeliveryMethod)
class DeliveryMethodAdmin(ModelAdmin[DeliveryMethod]):
    """Changes hold for new orders; placed ones keep what they were told."""

    list_display = ["name", "code", "cost_text", "free_text", "is_active", "position"]
    list_filter = ["is_active"]
    ordering = ["position", "id"]

    @display(description=_("cost"), ordering="cost")
    def cost_text(self, method: DeliveryMethod) -> str:
        return money(method.cost)

    @display(description=_("free from"), ordering="free_from")
    def free_text(self, method: DeliveryMethod) -> str:
        return money(method.free_from)
