"""Collect the files of observers into mean opinion scores and their agreement.

``ratings.csv``: a row per observer and image, columns `RATINGS`; ``repeat_of`` as in the key.

``mos.csv``: a row per group and run, and per group of real MR (run ``real``), columns `MOS`.
Repeats do not count there. As in the tables of `score`, ``certificate`` is what its model has seen,
and ``n_seen`` says how many of the scans; in ``agreement.csv`` these are of all models.

``agreement.csv``: a row per group, and one of ``all``, of kind ``within`` (the two showings of an
image to one observer) and ``between`` (observers, by the first showings), columns `AGREEMENT`: the
intraclass correlation of single ratings (ICC(1,1) within, ICC(2,1) between) and of the mean of all
observers (ICC(2,k)), the share of equal ratings and of those at most one apart, and the mean
difference. An unknown number is empty. Without a file all three have a header only.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.config.rate import RateSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.heads import marks
from ssus2mri.rate.agreement import differences, icc
from ssus2mri.rate.opinion import opinion
from ssus2mri.rate.ratings import read_ratings
from ssus2mri.rate.study import KEY

logger = logging.getLogger(__name__)

RATINGS = ("observer", "group", "position", "image", *KEY[2:], "rating")
MOS = tables.MOS
AGREEMENT = (
    *("group", "kind", "certificate", "n_seen", "n_observers", "n_images", "icc", "icc_of_mean"),
    *("equal", "within_one", "mean_difference"),
)
EVERYONE = "all"
OUTPUTS = ("ratings.csv", "mos.csv", "agreement.csv")
_TEXT = tuple(name for name in (*KEY, "observer", "group") if name != "index")


def run_collect(
    paths: Sequence[Path],
    *,
    key: Path,
    out: Path,
    settings: RateSettings,
    score: ScoreSettings,
) -> None:
    """Read all files, or refuse them, and write the three tables.

    Source: TMI 2020, Table II; agreement is not in the source.

    Args:
        paths: files of observers, each of another one.
        key: ``key.csv`` of the study.
        out: folder for the tables.
        settings: section ``rate``.
        score: section ``score``, for the intervals.

    Raises:
        InputError: what is wrong with each file that cannot be used; nothing is written then.
    """
    images = tables.read([key], KEY, text=_TEXT)
    if images.empty and paths:
        raise InputError(
            str(key), expected="a row per image", found="no row", do="Run `ssus2mri rate study`."
        )
    ratings = _joined(_read(paths, images, settings), images)
    mos, agreement = mean_opinions(ratings, score), agreements(ratings)
    tables.write(_records(ratings), RATINGS, out / "ratings.csv")
    tables.write(mos, MOS, out / "mos.csv")
    tables.write(agreement, AGREEMENT, out / "agreement.csv")
    for row in mos:
        logger.info("%(group)s, %(run)s: %(mean).2f of %(n_observers)d observers", row)
    logger.info("%d files collected", len(paths))


def _read(paths: Sequence[Path], images: pd.DataFrame, settings: RateSettings) -> pd.DataFrame:
    frames: list[pd.DataFrame] = []
    messages: list[str] = []
    seen: dict[str, Path] = {}
    study = "".join(images["study"].unique())
    for path in paths:
        try:
            frame = read_ratings(
                path,
                study=study,
                images=list(images["image"]),
                groups=settings.groups,
            )
        except InputError as error:
            messages.append(str(error))
            continue
        observer = str(frame["observer"].iloc[0])
        if observer in seen:
            problem = InputError(
                str(path),
                expected="one file per observer",
                found=f"observer {observer} in {seen[observer]} too",
                do="Keep one of them in the folder.",
            )
            messages.append(str(problem))
        seen[observer] = path
        frames.append(frame)
    if messages:
        raise InputError.several(messages)
    empty = pd.DataFrame(columns=["observer", "group", "position", "image", "rating"])
    return pd.concat(frames, ignore_index=True) if frames else empty


def _joined(ratings: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    joined = ratings.merge(images.astype({"index": int}), on="image", validate="many_to_one")
    return joined.sort_values(["observer", "position"], ignore_index=True)[list(RATINGS)]


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]


def mean_opinions(ratings: pd.DataFrame, settings: ScoreSettings) -> list[dict[str, object]]:
    """Compute mean opinion scores.

    Returns:
        Rows of ``mos.csv``.
    """
    first = ratings[ratings["repeat_of"] == ""]
    rows: list[dict[str, object]] = []
    for (group, run), part in first.groupby(["group", "run"], sort=True):
        table = part.pivot(index="observer", columns="image", values="rating")
        volumes = part.drop_duplicates("image").set_index("image")["volume"][table.columns]
        scores = opinion(
            table.to_numpy(dtype=np.float64), volumes.to_numpy(dtype=str), settings=settings
        )
        counts = {"n_observers": len(table), "n_images": len(volumes)}
        counts["n_volumes"] = volumes.nunique()
        rows.append({"group": group, "run": run, **marks(part), **counts, **scores})
    return rows


def agreements(ratings: pd.DataFrame) -> list[dict[str, object]]:
    """Measure the agreement of observers with themselves and with each other.

    Returns:
        Rows of ``agreement.csv``.
    """
    groups = sorted(ratings["group"].unique())
    rows: list[dict[str, object]] = []
    for group in [*groups, EVERYONE] if len(groups) else []:
        part = ratings if group == EVERYONE else ratings[ratings["group"] == group]
        repeats = part[part["repeat_of"] != ""].merge(
            part[["observer", "image", "rating"]],
            left_on=["observer", "repeat_of"],
            right_on=["observer", "image"],
            suffixes=("", "_first"),
        )
        first = part[part["repeat_of"] == ""]
        between = first.pivot(index="image", columns="observer", values="rating")
        for kind, table in (("within", repeats[["rating_first", "rating"]]), ("between", between)):
            head = {"group": group, "kind": kind, **marks(part)}
            counts = {"n_observers": between.shape[1], "n_images": len(table)}
            rows.append({**head, **counts, **_agreement(table, kind)})
    return rows


def _agreement(table: pd.DataFrame, kind: str) -> dict[str, float | None]:
    if table.shape[1] < 2 or len(table) < 2:
        return {}
    values = table.to_numpy(dtype=np.float64)
    correlations, apart = icc(values), differences(values)
    within = kind == "within"
    return {
        "icc": correlations.one_way if within else correlations.single,
        "icc_of_mean": None if within else correlations.average,
        "equal": float((apart == 0).mean()),
        "within_one": float((apart <= 1).mean()),
        "mean_difference": float(apart.mean()),
    }
