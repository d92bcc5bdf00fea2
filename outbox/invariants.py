"""Every fact is on its way to everybody who is to hear of it."""

from common.invariants import Invariant
from outbox.services import subscriptions

INVARIANTS = [
    Invariant(
        id="I13",
        title="Each event has a dispatch for each subscriber of its topic",
        sql="""
            SELECT event.id::text, format('%%s %%s is on no way to %%s', event.topic,
                       event.aggregate, subscription.subscriber)
              FROM outbox_event AS event
              JOIN unnest(%(topics)s::text[], %(subscribers)s::text[])
                AS subscription (topic, subscriber) ON subscription.topic = event.topic
              LEFT JOIN outbox_dispatch AS dispatch
                ON dispatch.event_id = event.id
               AND dispatch.subscriber = subscription.subscriber
             WHERE dispatch.id IS NULL AND event.sequence IS NOT NULL
             UNION ALL
            SELECT event.id::text, 'is dispatched as of ' || dispatch.aggregate
              FROM outbox_dispatch AS dispatch
              JOIN outbox_event AS event ON event.id = dispatch.event_id
             WHERE dispatch.aggregate <> event.aggregate
        """,
        params=subscriptions,
        hint="Keys are events. A subscriber that is new needs dispatches of the past.",
    ),
    Invariant(
        id="I13b",
        title="No dispatch is dead and unhandled, or late by more than 15 minutes",
        sql="""
            SELECT 'dispatch ' || dispatch.id,
                   format('%%s to %%s: %%s after %%s attempts%%s', event.topic,
                       dispatch.subscriber,
                       CASE WHEN dead_at IS NULL THEN 'late' ELSE 'dead' END,
                       dispatch.attempts, coalesce(': ' || nullif(last_error, ''), ''))
              FROM outbox_dispatch AS dispatch
              JOIN outbox_event AS event ON event.id = dispatch.event_id
             WHERE dispatch.delivered_at IS NULL AND dispatch.handled_at IS NULL
               -- Whether others' own servers take what they asked for is up to them.
               AND strpos(dispatch.subscriber, '#') = 0
               AND (dead_at IS NOT NULL
                    OR event.occurred_at < now() - interval '15 minutes')
             UNION ALL
            SELECT 'event ' || id, format('%%s %%s has not been looked at since %%s',
                       topic, aggregate, occurred_at)
              FROM outbox_event
             WHERE sequence IS NULL AND occurred_at < now() - interval '15 minutes'
        """,
        hint="Is the receiver there, and a worker? Then replay them in the admin.",
    ),
    Invariant(
        id="I13c",
        title="The events' numbers have no gaps in any topic",
        sql="""
            SELECT topic || ' ' || sequence, 'follows ' || before
              FROM (SELECT topic, sequence, lag(sequence, 1, 0::bigint)
                               OVER (PARTITION BY topic ORDER BY sequence) AS before
                      FROM outbox_event WHERE sequence IS NOT NULL) AS stamped
             WHERE sequence <> before + 1
        """,
        hint="Keys are topics and numbers. Events were removed after the stamping.",
    ),
]
