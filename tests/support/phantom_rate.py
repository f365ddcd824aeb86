"""A small opinion study: slices of two runs and of real MR, and the files that observers send."""

import zlib
from dataclasses import replace
from pathlib import Path

import pandas as pd
from conftest import configured
from phantom_evaluate import slices, store

from ssus2mri.config.rate import RateSettings
from ssus2mri.rate.study import run_rate

RUNS = ("alpha", "beta")
PLACES = tuple((plane, index) for plane in range(3) for index in range(20, 44, 3))


def rate_settings(**changes) -> RateSettings:
    return configured(RateSettings, "rate", **changes)


CERTIFICATES = {"alpha": "a" * 12, "beta": "b" * 12}
"""What the models of the runs have seen; that of ``beta`` has seen ``us-8``."""


def written_study(folder: Path, settings: RateSettings | None = None, **changes) -> Path:
    """Write slices, the page and its key; give the page."""
    synthetic = []
    for seed, run in enumerate(RUNS, start=1):
        for volume in ("us-7", "us-8"):
            own = slices(volume, PLACES, seed=seed, modality="us", split="test", run=run, **changes)
            seen = {"certificate": CERTIFICATES[run], "seen": (run, volume) == ("beta", "us-8")}
            own = replace(own, header=replace(own.header, **seen))
            synthetic.append(store(folder / run, own))
    real = slices("mr-1", PLACES)
    real = replace(real, image=(real.image * 0.9).astype(real.image.dtype))
    references = [store(folder, real)]
    out = folder / "rate" / "study.html"
    run_rate(synthetic, references=references, out=out, settings=settings or rate_settings())
    return out


def key_of(page: Path) -> pd.DataFrame:
    return pd.read_csv(page.with_name("key.csv"), keep_default_na=False, dtype={"image": str})


def sent(page: Path, observer: str, group: str, rating_of, folder: Path) -> Path:
    """Write the file of an observer who rates by a function of a row of the key."""
    key = key_of(page)
    lines = ["study,observer,group,position,image,rating"]
    for position, row in enumerate(key.itertuples(), start=1):
        lines.append(f"{row.study},{observer},{group},{position},{row.image},{rating_of(row)}")
    return signed("\n".join([*lines, ""]), folder / f"ratings-{observer}.csv")


def signed(content: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}checksum,{zlib.crc32(content.encode()):08x}\n")
    return path
