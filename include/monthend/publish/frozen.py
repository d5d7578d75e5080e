"""Save a workbook so that the same workbook gives the same bytes, with alternative text on its charts."""

import hashlib
import zipfile
from pathlib import Path
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter


def save_frozen(workbook: Workbook, path: Path | IO[bytes], alternative_texts: dict[int, str]) -> None:
    """Save `workbook` to `path` without a clock time or anything of this machine in the file.

    Args:
        workbook: a workbook that was built afresh: a second save of the same object differs.
        path: the file to write, or one that is open.
        alternative_texts: what each chart shows, in words, by the chart object's id().
    """
    with _FrozenZip(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        # Workbook.save() would stamp the time of saving.
        _Writer(workbook, archive, alternative_texts).save()


def content_sha256(path: Path) -> str:
    """Give the SHA-256 over the uncompressed parts of a file, in the order of their names."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            part = archive.read(name)
            digest.update(f"{name}\0{len(part)}\0".encode())
            digest.update(part)
    return digest.hexdigest()


class _FrozenZip(zipfile.ZipFile):
    """A zip file whose entries carry neither time nor file mode of the machine."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        """Add an entry."""
        entry = zipfile.ZipInfo(zinfo_or_arcname, (1980, 1, 1, 0, 0, 0))
        entry.create_system, entry.external_attr = 3, 0o600 << 16
        super().writestr(entry, data, self.compression, self.compresslevel)

    def write(self, filename: Any, arcname: Any = None, *_: Any, **__: Any) -> None:
        """Take in a file; openpyxl writes each sheet to a temporary one first."""
        self.writestr(arcname, Path(filename).read_bytes())


class _Writer(ExcelWriter):
    def __init__(self, workbook: Workbook, archive: zipfile.ZipFile, alternative_texts: dict[int, str]) -> None:
        super().__init__(workbook, archive)
        self._alternative_texts = alternative_texts

    def _write_drawing(self, drawing: Any) -> None:
        """Write a drawing; openpyxl has no other way to give a chart its alternative text."""
        frame_of = drawing._chart_frame

        def framed(index: int) -> Any:
            frame = frame_of(index)
            frame.nvGraphicFramePr.cNvPr.descr = self._alternative_texts.get(id(drawing.charts[index - 1]))
            return frame

        drawing._chart_frame = framed
        super()._write_drawing(drawing)  # type: ignore[misc] # the stubs leave it out
