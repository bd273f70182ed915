"""MDN's HTTP Observatory against the site over TLS, without leaving this machine.

The site runs as in production: gunicorn with the Procfile's settings, an https address, and a redirect from http, which
the proxy makes there. Ends with status 1 below grade A+ or 140 points.
5 of the 140 are for how cookies are set; a page that sets none, as the first one for visitors, reaches 135 at most.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import json
import os
import secrets
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.security.target import ROOT, STATE
from wholesale.platform import services

VERSION = "1.4.8"
LEAST = 140
FOR_COOKIES = 5
PAGES = ("", "/login", "/register", "/products?q=tea")
# It only knows the ports 80 and 443, which are root's: its connections are led to ours.
SCAN = """
import http from "node:http";
import https from "node:https";
import { scan } from "@mdn/mdn-http-observatory";
const [httpsPort, httpPort, ...pages] = process.argv.slice(2);
for (const [{ Agent }, port] of [[http, httpPort], [https, httpsPort]]) {
  const connect = Agent.prototype.createConnection;
  Agent.prototype.createConnection = function (options, ...rest) {
    return connect.call(this, { ...options, host: "127.0.0.1", servername: "localhost", port }, ...rest);
  };
}
const found = {};
for (const page of pages) found[page] = await scan(`localhost${page}`);
console.log(JSON.stringify(found));
"""


def certificate(folder: Path) -> tuple[Path, Path, Path]:
    """An authority that is thrown away, and a certificate of it for localhost: authority, certificate, key."""
    begin = datetime.now(UTC) - timedelta(hours=1)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Throw-away CA", "localhost")]
    made = []
    for number, (key, name) in enumerate(zip(keys, names, strict=True)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
        )
        if number:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    parts = {
        "ca.pem": made[0].public_bytes(serialization.Encoding.PEM),
        "site.pem": made[1].public_bytes(serialization.Encoding.PEM),
        "site.key": keys[1].private_bytes(*plain),
    }
    for file, data in parts.items():
        (folder / file).write_bytes(data)
    return folder / "ca.pem", folder / "site.pem", folder / "site.key"


def redirector(port: int) -> http.server.ThreadingHTTPServer:
    class ToHttps(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(301)
            self.send_header("Location", f"https://localhost{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    return http.server.ThreadingHTTPServer(("127.0.0.1", port), ToHttps)


def wait_until_ready(port: int, authority: Path, site: subprocess.Popen[bytes]) -> None:
    trusted = ssl.create_default_context(cafile=str(authority))
    for _ in range(300):
        if site.poll() is not None:
            break
        with suppress(OSError), closing(http.client.HTTPSConnection("localhost", port, context=trusted)) as line:
            line.request("GET", "/readyz")
            if line.getresponse().status == http.client.OK:
                return
        time.sleep(0.2)
    sys.exit(f"The site did not start; see {(STATE / 'observatory.log').relative_to(ROOT)}.")


def installed() -> Path:
    """The folder with the package; not among ours, because nothing of the site needs it.

    Its scripts would fetch the browsers' list of hosts with HSTS: localhost stands in none, so an empty one will do.
    """
    home = STATE / "tools" / "observatory"
    lists = home / "node_modules" / "@mdn" / "mdn-http-observatory" / "conf"
    if not (lists / "hsts-preload.json").exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true, "type": "module"}')
        package = f"@mdn/mdn-http-observatory@{VERSION}"
        install = ["npm", "install", "--silent", "--no-audit", "--ignore-scripts", package]
        subprocess.run(install, cwd=home, check=True)
        (lists / "hsts-preload.json").write_text("{}")
    (home / "scan.js").write_text(SCAN)
    return home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5443, help="for https; the next one is for http (%(default)s)")
    port = parser.parse_args().port
    home = installed()
    with tempfile.TemporaryDirectory() as scratch, services.running(STATE / "observatory") as endpoints:
        authority, cert, key = certificate(Path(scratch))
        environment = os.environ | {
            "WHOLESALE_ENV": "production",
            "WHOLESALE_DATA": scratch,
            "DATABASE_URL": endpoints.database_url,
            "DATABASE_OWNER_URL": endpoints.database_owner_url,
            "REDIS_URL": endpoints.redis_url,
            "SECRET_KEY": secrets.token_hex(32),
            "PUBLIC_URL": "https://localhost",
            "MAIL_URL": "folder:",
            "PORT": str(port),
        }
        bin_dir = ROOT / ".venv" / "bin"
        flask = [bin_dir / "flask", "--app", "wsgi", "db", "upgrade"]
        with (STATE / "observatory.log").open("wb") as log:
            where = {"cwd": ROOT, "env": environment, "stdout": log, "stderr": log}
            subprocess.run(flask, check=True, **where)
            serve = [bin_dir / "gunicorn", "wsgi:app", "--config", "wholesale/platform/gunicorn_conf.py"]
            site = subprocess.Popen([*serve, "--certfile", cert, "--keyfile", key], **where)
            plain = redirector(port + 1)
            threading.Thread(target=plain.serve_forever, daemon=True).start()
            try:
                wait_until_ready(port, authority, site)
                answer = subprocess.run(
                    ["node", "scan.js", str(port), str(port + 1), *PAGES],
                    cwd=home,
                    env=os.environ | {"NODE_EXTRA_CA_CERTS": str(authority)},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
            finally:
                plain.shutdown()
                site.terminate()
                site.wait(30)
    good = [told(page, found) for page, found in json.loads(answer.stdout).items()]
    sys.exit(0 if all(good) else 1)


def told(page: str, found: dict[str, Any]) -> bool:
    """Print what was found of a page; whether it is good enough."""
    verdict, tests = found["scan"], found["tests"]
    print(f"https://localhost{page}: grade {verdict['grade']}, score {verdict['score']}, "
          f"{verdict['testsPassed']} of {verdict['testsQuantity']} tests passed")  # fmt: skip
    for name, test in tests.items():
        print(f"  {'ok' if test['pass'] else 'FAILS':<6}{test['scoreModifier']:>+4}  {name}: {test['result']}")
    least = LEAST - (FOR_COOKIES if tests["cookies"]["result"] == "cookies-not-found" else 0)
    return verdict["grade"] == "A+" and verdict["score"] >= least


if __name__ == "__main__":
    main()
