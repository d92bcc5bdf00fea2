"""``python -m drill``, which ``manage.py drill`` starts."""

import sys

import django

django.setup()

# Models can be imported only from here on.
from drill import engine  # noqa: E402

if __name__ == "__main__":
    engine.main(sys.argv[1:])
