"""An engine that never gets done; it has a child, as a race has."""

import subprocess
import sys
import time

if __name__ == "__main__":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    sys.stdout.write(f'{{"ready": true, "processes": [{child.pid}]}}\n')
    sys.stdout.flush()
    time.sleep(600)
