"""Writes the waiting rows of a file, under its own headers, to a workbook a clerk can correct and load again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sources.contract import load_contract
from sources.parse import choose, open_book
from sources.tabular.cells import Cleaner, as_text, take


def write_rows(file: Path, contract: Path, rows: Sequence[int], target: Path) -> int:
    """Write the given rows (1-based, as in the quarantine) of an accepted file to `target`; returns how many.

    Every cell is written as text, so nothing in it can become a formula. The workbook holds what the rows hold, personal
    data included: it is created for its owner only (mode 0600). Raises: Rejected, FileExistsError.
    """
    import xlsxwriter

    wanted = np.asarray(sorted(rows), np.int32)
    written = 0
    with tempfile.TemporaryDirectory() as folder:
        book = open_book(file, Path(folder))
        cleaner = Cleaner(book.extra["mode"])
        best = choose(book, [load_contract(contract)], cleaner)
        names = [name.rsplit(" > ", 1)[-1] for name in best.header.names]
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with xlsxwriter.Workbook(str(target), {"strings_to_formulas": False, "strings_to_urls": False}) as workbook:
            sheet = workbook.add_worksheet("CanSua")
            bold = workbook.add_format({"bold": True, "text_wrap": True})
            for at, name in enumerate(names):
                sheet.write_string(0, at, name, bold)
            for block in best.sheet.blocks(best.header.first_data, len(names)):
                keep = np.isin(block.rows, wanted)
                if not keep.any():
                    continue
                columns = [as_text(take(column, keep)).to_pylist() for column in block.columns]
                for n in range(int(keep.sum())):
                    written += 1
                    for at, column in enumerate(columns):
                        if column[n]:
                            sheet.write_string(written, at, cleaner.one(column[n]))
            sheet.freeze_panes(1, 0)
            sheet.autofit()
    return written
