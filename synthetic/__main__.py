"""`python -m synthetic OUT --years 2023 --seed 1 [--province]`: write an invented district, or a province's plain CSV."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Write the files and print what was written. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m synthetic", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--years", type=int, nargs="+", default=[2023])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--province", action="store_true", help="132 invented communes, one plain CSV")
    parser.add_argument("--dossiers", type=int, default=1_000_000, help="size of the province")
    options = parser.parse_args(arguments)
    from synthetic.nights import write_plain_csv
    from synthetic.world import generate_district, generate_province
    from synthetic.writers import write_demo

    began = time.perf_counter()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.province:
        world = generate_province(dossiers=options.dossiers, year=options.years[-1], seed=options.seed)
        world.write_units(options.out / "units.yaml")
        rows = write_plain_csv(world, options.out / "one_stop.csv")
        print(f"{rows} dossiers of {len(world.communes)} communes in {options.out / 'one_stop.csv'}")
    else:
        written = write_demo(generate_district(options.years, options.seed), options.out)
        for export in written.exports:
            print(f"{export.rows_read:6d} rows  {export.rows_quarantined:3d} bad  {export.format:14s} {export.path}")
        print(f"{len(written.exports)} files in {written.folder}, truth in {written.truth_path}")
    print(f"{time.perf_counter() - began:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
