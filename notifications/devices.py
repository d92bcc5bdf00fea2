"""The phones that somebody wants news on."""

from common.db import use_case
from notifications.errors import PushDeviceNotFound
from notifications.models import PushDevice

# Beyond that, the one that was registered longest ago is forgotten.
MAX_DEVICES = 20


@use_case
def register(*, user_id: int, token: str, platform: str) -> PushDevice:
    """Let a phone hear of what happens to somebody; doing it twice changes nothing.

    ``token`` is what the maker's service knows it by. It belongs to whoever registered
    it last: a phone that changes hands tells nobody of its former owner's orders.
    """
    [device] = PushDevice.objects.bulk_create(
        [PushDevice(user_id=user_id, token=token, platform=platform)],
        update_conflicts=True,
        unique_fields=["token"],
        update_fields=["user", "platform", "registered_at"],
    )
    own = PushDevice.objects.filter(user=user_id)
    kept = own.order_by("-registered_at", "-pk").values("pk")[:MAX_DEVICES]
    own.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
    device.refresh_from_db()
    return device


@use_case
def forget(*, user_id: int, device_id: int) -> None:
    """Tell a phone nothing any more; raise ``PushDeviceNotFound``."""
    gone, _tables = PushDevice.objects.filter(user=user_id, pk=device_id).delete()
    if not gone:
        raise PushDeviceNotFound
