"""wapiti against the demonstration, as a visitor and as a signed-in buyer.

Ends with status 1 when it finds anything above informational. What it does not look for here: known products (cms,
nikto, wp_enum, …), what only a name server or a host outside could show (log4shell, takeover, spring4shell), and ldap:
nothing of the site speaks LDAP, and that module reports every page whose words depend on what was asked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.security.target import STATE, demo, signed_in, tool

MODULES = (
    "backup,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,methods,permanentxss,redirect,shellshock,"
    "sql,ssrf,timesql,upload,xss,xxe"
)
# Over plain http on loopback there is neither; bench/security/observatory looks at them over TLS.
ONLY_OVER_TLS = {"Secure Flag cookie", "HTTP Strict Transport Security (HSTS)"}
INFORMATIONAL = 0


def scan(base: str, who: str, minutes: float, folder: Path) -> tuple[int, Counter[str], list[str]]:
    """How many addresses and forms were attacked, what is set aside, and what was found."""
    report = folder / f"{who.partition('@')[0]}.json"
    command = [
        str(tool("wapiti3") / "wapiti"), "--url", f"{base}/", "--module", MODULES, "--scope", "folder",
        "--flush-session", "--store-session", str(folder / f"session-{report.stem}"),
        "--format", "json", "--output", str(report), "--no-bugreport", "--verbose", "0", "--tasks", "4",
        "--max-links-per-page", "60", "--max-files-per-dir", "25", "--depth", "6", "--scan-force", "normal",
        "--max-scan-time", str(int(minutes * 25)), "--max-attack-time", str(int(minutes * 6)), "--timeout", "20",
        "--exclude", f"{base}/logout", "--exclude", f"{base}/static/*", "--skip", "csrf_token",
    ]  # fmt: skip
    for page in ("login", "register", "products?q=tea", "forgot-password", "cart", "orders", "account"):
        command += ["--start", f"{base}/{page}"]
    if who != "visitor":
        command += ["--cookie-value", signed_in(base, who).cookie_header, "--drop-set-cookie"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = json.loads(report.read_text())
    aside: Counter[str] = Counter()
    left = []
    for kind in ("vulnerabilities", "anomalies"):
        for name, entries in found[kind].items():
            for entry in entries:
                if name in ONLY_OVER_TLS or entry["level"] <= INFORMATIONAL:
                    aside[name] += 1
                else:
                    left.append(f"{name}: {entry['method']} {entry['path']} {entry['parameter']}: {entry['info']}")
    return int(found["infos"]["crawled_pages_nbr"]), aside, left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5071)
    parser.add_argument("--minutes", type=float, default=5, help="for each of the two, about (%(default)s)")
    parser.add_argument("--target", help="a demonstration that runs already, instead of starting one")
    options = parser.parse_args()
    STATE.mkdir(parents=True, exist_ok=True)
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        people = ("visitor", "buyer@demo.example")
        if options.target:
            results = [scan(options.target, who, options.minutes, Path(scratch)) for who in people]
        else:
            with demo(options.port) as base:
                results = [scan(base, who, options.minutes, Path(scratch)) for who in people]
    for who, (pages, aside, left) in zip(people, results, strict=True):
        print(f"as {who}: {pages} addresses and forms, {len(left)} findings")
        for line in left:
            print(f"  {line}")
        for name, number in aside.items():
            print(f"  set aside: {number} × {name}")
        bad += len(left)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
