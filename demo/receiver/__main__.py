"""Runs the data platform by itself: ``python -m demo.receiver``."""

from demo.receiver.command import main

if __name__ == "__main__":
    main()
