"""The programs that the audit needs; without one of them there is no audit."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from audit.report import AuditError, say

HERE = Path(__file__).resolve().parent
# What npm installs and runs; copied, so that nothing is written beside the code.
FILES = ("package.json", "lighthouse.mjs", "htmlvalidate.json")
CHROMES = ("chromium", "chromium-browser", "google-chrome")
# Without any window it is a third of the work for the machine; but a stopwatch is to
# measure the browser that people use.
QUIET_CHROMES = ("chromium-headless-shell", *CHROMES)
# Its packages come without the browsers that some of them would fetch for themselves.
NPM = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
NPM_QUIETLY = [*NPM, "--ignore-scripts", "--loglevel", "error"]


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the programs are."""

    chromium: str
    quiet_chromium: str
    java: str
    node: str
    # Where npm's packages are, and the files that use them.
    folder: Path

    @property
    def axe(self) -> Path:
        return self.folder / "node_modules/axe-core/axe.min.js"

    @property
    def nu(self) -> Path:
        return self.folder / "node_modules/vnu-jar/build/dist/vnu.jar"

    @property
    def html_validate(self) -> Path:
        return self.folder / "node_modules/html-validate/bin/html-validate.mjs"


def find(folder: Path) -> Tools:
    """Return where the programs are; install npm's in a folder, the first time."""
    tools = Tools(
        chromium=_program(*CHROMES, package="chromium"),
        quiet_chromium=chromium(),
        java=_program("java", package="default-jre-headless"),
        node=_program("node", package="nodejs"),
        folder=folder,
    )
    _program("npm", package="npm")
    _install(folder)
    for path in (tools.axe, tools.nu, tools.html_validate):
        if not path.exists():
            raise AuditError(f"{path} is missing: remove {folder} and start again.")
    return tools


def chromium() -> str:
    """Return the path of the browser that only has to look."""
    return _program(*QUIET_CHROMES, package="chromium")


def _program(*names: str, package: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise AuditError(f"{names[0]} is not installed: apt-get install {package}")


def _install(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stamp, wanted = folder / ".installed", (HERE / "package.json").read_text()
    for name in FILES:
        shutil.copy(HERE / name, folder / name)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing axe, Lighthouse and the checkers (a minute the first time)")
    done = subprocess.run(
        NPM_QUIETLY,
        cwd=folder,
        env={**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AuditError(f"npm could not install {folder}:\n{done.stderr[-2000:]}")
    stamp.write_text(wanted)
