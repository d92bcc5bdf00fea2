"""An engine that breaks off before it has begun."""

import sys

if __name__ == "__main__":
    sys.exit(3)
