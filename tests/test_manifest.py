"""Every mistake in the table is found, all at once, by row and column."""

import time
from pathlib import Path

import pytest

from ssus2mri import manifest
from ssus2mri.errors import InputError

HEADER = "volume,subject,modality,image,ga_weeks,split"
GOOD = [
    "us1,a,us,a.nii.gz,23,train",
    "mr1,b,mr,b.nii.gz,23,train",
    "us2,c,us,c.nii.gz,23,test",
]


def load(
    tmp_path: Path, *rows: str, header: str = HEADER
) -> tuple[manifest.Manifest | None, list[str]]:
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return manifest.load(path, val=0.1, test=0.2)


def test_good_table(tmp_path: Path) -> None:
    table, messages = load(tmp_path, *GOOD)
    assert messages == []
    assert table is not None
    assert [row.volume for row in table.where(modality="us")] == ["us1", "us2"]
    assert table.rows["us1"].image == str(tmp_path / "a.nii.gz")


def test_simulated_image_is_a_workflow_output(tmp_path: Path) -> None:
    table, messages = load(tmp_path, *GOOD, "s1,d,us,results/simulate/s1.nii.gz,23,train")
    assert messages == []
    assert table is not None
    assert table.rows["s1"].simulated
    assert table.rows["s1"].image == "results/simulate/s1.nii.gz"


def test_a_table_with_blanks_has_a_message_for_each_column(tmp_path: Path) -> None:
    rows = [f"s{number},,us,{number}.nii.gz,{'23' if number % 3 else ''}," for number in range(6)]
    table, messages = load(tmp_path, *rows)
    assert table is None
    assert [message.split(". ")[0] for message in messages] == [
        f"{tmp_path}/manifest.csv, column {column}: expected a value in every row; found none"
        f" in rows {numbers}"
        for column, numbers in {
            "subject": "2 to 7", "ga_weeks": "2, 5", "split": "2 to 7"
        }.items()
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("us1,d,us,d.nii.gz,23,train", "rows 2, 5, column volume"),
        ("a/b,d,us,d.nii.gz,23,train", "row 5, column volume"),
        ("a..b,d,us,d.nii.gz,23,train", "row 5, column volume"),
        ("..,d,us,d.nii.gz,23,train", "row 5, column volume"),
        ("x_mask,d,us,d.nii.gz,23,train", "row 5, column volume"),
        ("x,d,ct,d.nii.gz,23,train", "row 5, column modality"),
        ("x,d,us,d.nii.gz,23,training", "row 5, column split"),
        ("x,d,us,d.nii.gz,old,train", "row 5, column ga_weeks"),
        ("x,d,us,d.nii.gz,230,train", "row 5, column ga_weeks"),
        ("x,d,us,d.nii.gz,23+4,train", "expected weeks with a decimal point, such as 23.57"),
        ("x,d,us,d.nii.gz,,train", "ga_weeks: expected a value in every row; found none in row 5"),
        ("x,d,us,,23,train", "column image: expected a value in every row; found none in row 5"),
        ("x,a,us,d.nii.gz,23,test", "rows 2, 5, column split"),
        ("x,a,us,d.nii.gz,23,auto", "rows 2, 5, column split"),
        ("x,d,us,d.nii.gz,23", "6 fields"),
        ("x,d,us,d.nii.gz,23,train,more", "6 fields"),
        ("x,d,us,results/simulate/y.nii.gz,23,train", "results/simulate/x.nii.gz"),
        ('x,"=HYPERLINK(""a"")",us,d.nii.gz,23,train', "row 5, column subject: expected a name"),
        ("x,@SUM(A1),us,d.nii.gz,23,train", "as formulas do"),
    ],
)
def test_bad_row(tmp_path: Path, row: str, expected: str) -> None:
    table, messages = load(tmp_path, *GOOD, row)
    assert table is None
    assert len(messages) == 1
    assert expected in messages[0]
    assert "manifest.csv" in messages[0]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    _, messages = load(tmp_path, *GOOD, "a/b,d,ct,d.nii.gz,x,never")
    assert len(messages) == 4


@pytest.mark.parametrize("missing", ["us1", "mr1", "us2"])
def test_too_few(tmp_path: Path, missing: str) -> None:
    _, messages = load(tmp_path, *(row for row in GOOD if not row.startswith(missing)))
    modality, split = missing[:2], "test" if missing == "us2" else "train"
    assert len(messages) == 1
    assert f"at least one {modality} image in split {split}" in messages[0]


def test_plane_needs_both_columns(tmp_path: Path) -> None:
    header = HEADER + ",plane,pixel_mm"
    _, messages = load(tmp_path, "p1,d,us,d.png,23,train,axial,", header=header)
    assert any("`plane` and `pixel_mm` both" in message for message in messages)


def test_unknown_column(tmp_path: Path) -> None:
    _, messages = load(tmp_path, *(row + ",0" for row in GOOD), header=HEADER + ",age")
    assert "unknown ['age']" in messages[0]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (HEADER.encode("utf-16"), "byte-order mark"),
        (HEADER.encode() + b"\nus1,Andr\xe9,us,a.nii.gz,23,train\n", "not UTF-8 in line 2"),
        (HEADER.encode(), "found none"),
        (b'volume,"subject', "manifest.csv"),
    ],
)
def test_encoding(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=message):
        manifest.read(path, val=0.1, test=0.2)


def test_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        manifest.read(tmp_path / "nowhere.csv", val=0.1, test=0.2)


def test_auto_split_is_stable_and_proportional() -> None:
    splits = [manifest.auto_split(f"subject-{k}", val=0.1, test=0.2) for k in range(2000)]
    assert splits == [manifest.auto_split(f"subject-{k}", val=0.1, test=0.2) for k in range(2000)]
    assert abs(splits.count("test") / 2000 - 0.2) < 0.03
    assert abs(splits.count("val") / 2000 - 0.1) < 0.03


PATHOLOGY = HEADER + ",pathology"


def messages_of(tmp_path: Path, *rows: str) -> list[str]:
    return load(tmp_path, *(f"{row}," for row in GOOD), *rows, header=PATHOLOGY)[1]


def test_simulated_test_subject_may_have_a_pathology(tmp_path: Path) -> None:
    rows = [f"{m}9,e,{m},results/simulate/{m}9.nii.gz,23,test,cyst" for m in ("us", "mr")]
    assert messages_of(tmp_path, *rows) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["u9,e,us,u9.nii.gz,23,test,cyst"], "row 5: expected `pathology` for a simulated volume"),
        (["u9,e,us,results/simulate/u9.nii.gz,23,train,cyst"], "row 5, column pathology: expected"),
        (
            [
                "u9,e,us,results/simulate/u9.nii.gz,23,test,cyst",
                "m9,e,mr,results/simulate/m9.nii.gz,23,test,",
            ],
            "rows 5, 6, column pathology: expected one pathology for subject 'e'",
        ),
    ],
)
def test_pathology_where_it_must_not_be(tmp_path: Path, rows: list[str], expected: str) -> None:
    messages = messages_of(tmp_path, *rows)
    assert len(messages) == 1
    assert expected in messages[0]


def test_automatic_split_decides_whether_a_subject_may_have_a_pathology(tmp_path: Path) -> None:
    names = [f"s{k}" for k in range(40)]
    by_split = {manifest.auto_split(name, val=0.1, test=0.2): name for name in names}
    for split, name in by_split.items():
        row = f"u9,{name},us,results/simulate/u9.nii.gz,23,auto,cyst"
        assert bool(messages_of(tmp_path, row)) == (split != "test")


def test_table_as_excel_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    lines = [f"{HEADER},,", *(f"{row},," for row in GOOD), ",,,,,,,", ""]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    table = manifest.read(path, val=0.1, test=0.2)
    assert list(table.rows) == ["us1", "mr1", "us2"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (HEADER.replace(",", ";") + "\nus1;a;us;a.nii.gz;23;train\n", "separated by semicolons"),
        (HEADER.replace(",", "\t") + "\nus1\n", "separated by tabs"),
        (HEADER + ",image\nus1,a,us,a.nii.gz,23,train,b.nii.gz\n", "column 'image' twice"),
        (HEADER + '\nus1,a,us,a.nii.gz,"23,5",train\n', "not a decimal comma"),
        (HEADER + "\nus1,a,us,a.nii.gz,23,5,train\n", "decimal comma, must be in quotes"),
        (HEADER + "\nus1,a,us,a.nii.gz,nan,train\n", "column ga_weeks"),
        (HEADER + "\nus1,a,us,a\x07.nii.gz,23,train\n", "control characters"),
        (HEADER + ",plane,pixel_mm\nus1,a,us,a.png,23,train,coronal,0.2\n", "`axial`: no other"),
        (HEADER + ",plane,pixel_mm\nus1,a,us,a.png,23,train,axial,200\n", "column pixel_mm"),
        (HEADER + ",frame\nus1,a,us,a.dcm,23,train,3\n", "`plane` where there is `frame`"),
    ],
)
def test_table_that_would_be_read_wrongly(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(text)
    _, messages = manifest.load(path, val=0.1, test=0.2)
    assert any(part in message for message in messages), messages


@pytest.mark.parametrize("name", ["A", "a ", "\uff41", "a\u200b"])
def test_subjects_that_look_alike(tmp_path: Path, name: str) -> None:
    _, messages = load(tmp_path, *GOOD, f"x,{name},us,d.nii.gz,23,test")
    if name.strip() == "a":
        assert "one split for subject 'a'" in messages[0]
    else:
        assert "column subject: expected one spelling for a person" in messages[0]


@pytest.mark.parametrize(
    "names", [("p-1", "p\u20101"), ("p 1", "p  1"), ("stra\u00dfe", "STRASSE")]
)
def test_two_spellings_of_a_subject(tmp_path: Path, names: tuple[str, str]) -> None:
    more = [f"{v},{name},us,{v}.nii.gz,23,train" for v, name in zip("xy", names, strict=True)]
    _, messages = load(tmp_path, *GOOD, *more)
    assert "column subject: expected one spelling for a person" in messages[0]


def test_one_path_in_two_forms(tmp_path: Path) -> None:
    rows = ["x,d,us,there/v.nii.gz,23,train", "y,e,us,there/../there/./v.nii.gz,23,train"]
    _, messages = load(tmp_path, *GOOD, *rows)
    assert "the same file for subjects 'd', 'e'" in messages[0]


def test_accents_in_two_forms_are_one_subject(tmp_path: Path) -> None:
    table, messages = load(
        tmp_path, *GOOD, "x,Andr\u00e9,us,d.nii.gz,23,test", "y,Andre\u0301,us,e.nii.gz,23,test"
    )
    assert messages == []
    assert table is not None
    assert table.rows["x"].subject == table.rows["y"].subject


def test_volumes_that_differ_in_case_only(tmp_path: Path) -> None:
    _, messages = load(tmp_path, *GOOD, "US1,d,us,d.nii.gz,23,test")
    assert "rows 2, 5, column volume" in messages[0]


def test_two_frames_of_a_subject_may_be_one_file_that_says_the_size(tmp_path: Path) -> None:
    (tmp_path / "d.dcm").write_bytes(b"0")
    rows = [f"p{k},d,us,d.dcm,23,test,axial,,{k}" for k in (1, 2)]
    good = [f"{row},,," for row in GOOD]
    table, messages = load(tmp_path, *good, *rows, header=HEADER + ",plane,pixel_mm,frame")
    assert messages == []
    assert table is not None
    assert (table.rows["p2"].pixel_mm, table.rows["p2"].frame) == (None, 2)


@pytest.mark.slow
def test_ten_thousand_rows_take_seconds(tmp_path: Path) -> None:
    rows = [f"v{k},s{k},us,v{k}.nii.gz,23,train" for k in range(10_000)]
    begun = time.process_time()
    table, messages = load(tmp_path, *GOOD, *rows)
    assert messages == []
    assert table is not None
    assert time.process_time() - begun < 20
