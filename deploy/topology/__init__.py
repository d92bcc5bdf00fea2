"""The shop of several machines, on this one: ``python -m deploy.topology``.

A primary and a streaming replica, PgBouncer, RabbitMQ, two web processes behind nginx,
two workers, the clock and the sockets. A purchase is made through the front, a web
process is killed, and everything is ended again.
"""
