"""One zip of the built book, to be unpacked and opened without a server: ``make offline``."""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "_build" / "html"
NAME = "paying-attention"


def zip_book(folder: Path, target: Path) -> int:
    """Write the zip, the same bytes for the same book; the number of its files."""
    if not (folder / "index.html").is_file():
        raise SystemExit(f"{folder} holds no built book: run `make book` first")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            name = f"{NAME}/{path.relative_to(folder).as_posix()}"
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return len(files)


def main() -> int:
    """Zip the book and say where it is."""
    target = ROOT / "_build" / f"{NAME}.zip"
    count = zip_book(BUILT, target)
    size = target.stat().st_size / 2**20
    print(f"{target.relative_to(ROOT)}: {count} files, {size:.1f} MB; open {NAME}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
