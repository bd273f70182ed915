"""bandit over the source; ends with status 1 when it finds something that is not explained where it stands.

The gate asks the same questions (ruff's rules S, which are bandit's), and an exception carries its reason in the code
as `# noqa: S603 - why`. bandit does not read those marks, so this does.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.security.target import ROOT, tool

ASIDE = {
    "B101": "asserts state invariants for readers and types; nothing is decided by them",
    "B404": "importing subprocess is no fault: every call is asked about by B603",
}
# What no mark can stand beside, because ruff does not take it for a password.
KNOWN = {"Possible hardcoded password: 'scram-sha-256'": "the name of a way to log in to PostgreSQL, not a password"}


def is_explained(issue: dict[str, Any]) -> bool:
    """Whether one of the issue's own lines says why it is right."""
    if issue["issue_text"] in KNOWN:
        return True
    lines = Path(ROOT / issue["filename"]).read_text().splitlines()
    said = " ".join(lines[number - 1] for number in issue["line_range"])
    return re.search(rf"noqa: [^#]*\b{issue['test_id'].replace('B', 'S')}\b", said) is not None


def main() -> None:
    program = tool("bandit") / "bandit"
    command = [program, "-q", "-r", "wholesale", "-f", "json"]
    report = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False).stdout)
    counted: Counter[str] = Counter()
    left = []
    for issue in report["results"]:
        kind = "aside" if issue["test_id"] in ASIDE else "explained" if is_explained(issue) else "open"
        counted[f"{issue['test_id']} {issue['test_name']}, {issue['issue_severity'].lower()}: {kind}"] += 1
        if kind == "open":
            left.append(issue)
    for name, number in sorted(counted.items()):
        print(f"{number:>4}  {name}")
    for issue in left:
        print(f"{issue['filename']}:{issue['line_number']}: {issue['test_id']} {issue['issue_text']}")
    print(f"{report['metrics']['_totals']['loc']} lines, {len(left)} findings open, {len(report['errors'])} errors")
    sys.exit(1 if left or report["errors"] else 0)


if __name__ == "__main__":
    main()
