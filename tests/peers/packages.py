"""The pinned packages of the other team's provider. `python -m tests.peers.packages` fetches them, so that the tests need no network."""

import hashlib
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache" / "peers"
SECONDS = 300


def installed():
    """Return the folder with the packages, installed once a lock file; subprocess.CalledProcessError where npm cannot."""
    folder = CACHE / hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    if not (folder / "whole").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True)
        (folder / "whole").touch()
    shutil.copy(HERE / "provider.js", folder)
    return folder


if __name__ == "__main__":
    print(f"The provider's packages are in {installed()}.")
