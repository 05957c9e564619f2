"""The command line: `python -m docs.reference [--check]`."""

import argparse
import sys

from docs import reference


def main() -> int:
    """Writes the page and its figures, or checks them; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m docs.reference",
        description=f"Write {reference.PAGE} and {reference.FIGURES}/*.svg.",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where they are stale"
    )
    if not parser.parse_args().check:
        reference.write()
        return 0
    found = reference.stale()
    for line in found:
        print(line, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
