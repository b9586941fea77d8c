"""A Chromium for the browser tests: the one that is here, or else a new one.

`python -m tools.chromium` prints the path of the browser, installing one where none is found: first
Playwright's own download, then Debian's package. Tests call `launch(playwright)`, which installs nothing.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPS = (  # where browsers live that are not on the PATH: macOS, Windows
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ADVICE = (
    "The browser tests need Chromium. There is none here, and installing one failed. Install Chromium or Google "
    "Chrome, or set the variable CHROMIUM to the path of one."
)


class ChromiumNotFound(RuntimeError):
    """There is no Chromium; the message says what to do."""


def find_chromium() -> str:
    """Path of a Chromium that runs: $CHROMIUM, else one of the system's, else Playwright's download.

    Raises ChromiumNotFound, with a sentence that says what to do. Installs nothing.
    """
    if named := os.environ.get("CHROMIUM"):
        if path := shutil.which(named):
            return path
        raise ChromiumNotFound(
            f"The variable CHROMIUM is {named!r}, which is not a program. Set it to the path of a Chromium."
        )
    for candidate in (*map(shutil.which, NAMES), *APPS, _playwright_path()):
        if candidate and _runs(candidate):
            return candidate
    raise ChromiumNotFound(ADVICE)


def install_chromium() -> str:
    """Path of a Chromium, installed if there is none. Raises ChromiumNotFound if that fails too."""
    try:
        return find_chromium()
    except ChromiumNotFound:
        if "CHROMIUM" in os.environ:
            raise
    said = ""
    for how, commands in _installers():
        print(f"There is no Chromium here. Trying {how}.", flush=True)
        for command in commands:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        try:
            return find_chromium()
        except ChromiumNotFound:
            said += f"\n{how} said: {(done.stderr or done.stdout).strip()[-400:]}"
    raise ChromiumNotFound(ADVICE + said)


def launch(playwright, **options):
    """Start the Chromium that `find_chromium` finds under Playwright (sync or async), headless and quiet.

    `options` go to `playwright.chromium.launch`; `args` are added to the flags here.
    """
    sandbox = [] if os.name == "nt" or os.geteuid() != 0 else ["--no-sandbox"]
    args = [*FLAGS, *sandbox, *options.pop("args", [])]
    return playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=args, **options)


def _runs(path: str) -> bool:
    """Whether `path` is a Chromium that starts: a stub that asks for a snap, or one without its libraries, is not."""
    if not Path(path).is_file():
        return False
    if os.name == "nt":  # there, --version opens a window
        return True
    try:
        done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _playwright_path() -> str | None:
    """Where Playwright keeps the Chromium it downloads (whether or not it is there); None without Playwright."""
    # In a process of its own: Playwright's sync API refuses to start twice in one thread.
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip() or None


def _installers():
    """Pairs (what is tried, its commands), in order of preference."""
    yield "Playwright's download", [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get"):
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]  # -n: fail rather than ask for a password
        if not as_root or shutil.which("sudo"):
            apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
            yield "Debian's package", [[*apt, "update"], [*apt, "install", "--no-install-recommends", "-y", "chromium"]]


if __name__ == "__main__":
    try:
        print("Chromium:", install_chromium())
    except ChromiumNotFound as error:
        sys.exit(str(error))
