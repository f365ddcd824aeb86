"""What makes which jobs of `phantom_project` run again: edits of settings, code and rows."""

VOLUMES, SIMULATED, RUNS = 6, 5, 4

REPORT = {"score": 1, "render": 1}
SHOW = {"browse": 1, "illustrate": 1}
EVALUATE = {"register": RUNS, "compare": RUNS, "segment": RUNS, **REPORT}
OPINIONS = {"rate": 1, "collect": 1}
SYNTHESIZE = {"synthesize": RUNS, "probe": RUNS, **SHOW, **OPINIONS, **EVALUATE}
TRAIN = {"train": RUNS, "explain": 1, **SYNTHESIZE}
DELINEATE = {"delineate": 1}  # once for all runs, of test ultrasound and training MR
EXTRACT = {"extract": VOLUMES, "match": 1, **DELINEATE, **TRAIN}
ALIGN = {"align": VOLUMES, "blend": 1, **EXTRACT}
VIEW = {"view": 2}
CROP = {"crop": VOLUMES, **ALIGN}
SIMULATE = {"template": 1, **VIEW, "simulate": SIMULATED, "crop": SIMULATED, **ALIGN}
ONE_RUN = {
    **dict.fromkeys(("train", "synthesize", "register", "compare", "probe", "segment"), 1),
    **SHOW,
    **OPINIONS,
    **REPORT,
}
NOT_TRAINED = {name: 1 for name in ONE_RUN if name != "train"}
MATCH = {"match": 1, **NOT_TRAINED}
BLEND = {"blend": 1, **MATCH}
WITH_PATHOLOGY = {
    "simulate": 2,
    "crop": 2,
    "align": 2,
    "extract": 2,
    "match": 1,
    "explain": 1,
    **DELINEATE,
    **SYNTHESIZE,
}
PREPARE_ONE = {"crop": 1, "align": 1, "extract": 1}

SETTINGS = {
    "simulate": ("simulate: {seed: 1}", SIMULATE),
    "pathology": ("pathologies: {cyst: {diameter_mm: 9.0}}", WITH_PATHOLOGY),
    "pathology nobody has": ("pathologies: {bleed: {diameter_mm: 9.0}}", {}),
    "atlas": ("atlas: {spacing_mm: 3.2}", {"template": 1, **VIEW, **ALIGN}),
    "crop": ("crop: {margin_mm: 7.0}", CROP),
    "align": ("align: {steps: 9}", ALIGN),
    "extract": ("extract: {min_head_fraction: 0.25}", {"blend": 1, **EXTRACT}),
    "view": ("view: {scans: 2}", {**VIEW, **MATCH}),
    "match": ("match: {window_mm: 3.0}", BLEND),
    "train": ("train: {learning_rate: 0.0003}", TRAIN),
    "train, the machine's": ("train: {checkpoint_minutes: 3, device_share: 0.1}", {}),
    "one run": ("runs: {gan: {weights: {app: 2.0}}}", ONE_RUN),
    "one run, ours": ("runs: {ours: {weights: {app: 2.0}}}", {"explain": 1, **ONE_RUN}),
    "one run, a reference": ("runs: {copy: {seed: 3}}", ONE_RUN),
    "one run, matched": ("runs: {matched: {seed: 3}}", ONE_RUN),
    "a run's name in tables": ("runs: {gan: {label: Another}}", {**SHOW, **REPORT}),
    "a run left out": ("enabled_runs: [ours, copy]", {**SHOW, **OPINIONS, **REPORT}),
    "a run more": ("enabled_runs: [ours, gan, copy, matched, atlas]", ONE_RUN),
    "a run more, which learns from matched MR": (
        "enabled_runs: [ours, gan, copy, matched, ours_match]",
        {"match": 2, **ONE_RUN},
    ),
    "a run that is not enabled": ("runs: {no_att: {label: Other}}", {}),
    "synthesize": ("synthesize: {fuse: false}", {"explain": 1, **SYNTHESIZE}),
    "register": ("register: {slices_per_volume: 4}", {"register": RUNS, **REPORT}),
    "compare": ("compare: {slices_per_volume: 4}", {"compare": RUNS, **REPORT}),
    "probe": (
        "probe: {slices_per_volume: 4}",
        {"probe": RUNS, "explain": 1, "illustrate": 1, **REPORT},
    ),
    "segment": ("segment: {atrium: {aside_mm: 6.0}}", {"segment": RUNS, **REPORT}),
    "rate": ("rate: {images: 60}", {**OPINIONS, **REPORT}),
    "score": ("score: {confidence: 0.9}", {"collect": 1, **REPORT}),
    "illustrate": ("illustrate: {figure8: [gan]}", {"illustrate": 1, "render": 1}),
    "browse": ("browse: {slices_per_plane: 9}", {"browse": 1}),
    "render": ("render: {title: Another}", {"render": 1}),
    "split, with no subject to decide": ("split: {test: 0.3}", {}),
    "the same number, written otherwise": ("crop: {margin_mm: 6}", {}),
}

CODE = {
    "simulate/template.py": {"template": 1, **ALIGN},
    "simulate/cohort.py": SIMULATE,
    "simulate/pathology.py": SIMULATE,
    "prepare/crop.py": CROP,
    "prepare/align.py": ALIGN,
    "prepare/extract.py": {"blend": 1, **EXTRACT},
    "prepare/blend.py": BLEND,
    "prepare/match.py": MATCH,
    "ffd/volumes.py": BLEND,
    "ffd/pyramid.py": {**BLEND, "register": RUNS, "compare": RUNS},
    "ffd/slice_pairs.py": {"register": RUNS, "compare": RUNS, **REPORT},
    "models/generator.py": TRAIN,
    "methods.py": TRAIN,
    "learn/train.py": TRAIN,
    "infer/synthesize.py": SYNTHESIZE,
    "infer/roi.py": SYNTHESIZE,
    "infer/probe.py": {"probe": RUNS, **REPORT},
    "rate/showing.py": {**OPINIONS, **REPORT},
    "rate/opinion.py": {"collect": 1, **REPORT},
    "segment/segment.py": {**DELINEATE, "segment": RUNS, **REPORT},
    "evaluate/delineate.py": {**DELINEATE, "segment": RUNS, **REPORT},
    "evaluate/segment.py": {"segment": RUNS, **REPORT},
    "evaluate/anatomy.py": REPORT,
    "evaluate/register.py": {"register": RUNS, **REPORT},
    "evaluate/compare.py": {"compare": RUNS, **REPORT},
    "evaluate/position.py": {"compare": RUNS, **REPORT},
    "evaluate/score.py": REPORT,
    "infer/explain.py": {"explain": 1, "illustrate": 1, "render": 1},
    "render/viewer.py": {"browse": 1},
    "render/illustrate.py": {"illustrate": 1, "render": 1},
    "render/report.py": {"render": 1},
    "render/templates/viewer.js": {"browse": 1},
    "render/templates/report.html": {"render": 1},
    "render/templates/report.css": {"render": 1},
    "render/templates/page.html": {"browse": 1, **OPINIONS, **REPORT},
}

ROWS = {
    "training scan added": (
        "",
        "us-6,s6,us,results/simulate/us-6.nii.gz,23.4,train,\n",
        {"simulate": 1, **PREPARE_ONE, **TRAIN},
    ),
    "test scan added": (
        "",
        "us-7,s7,us,results/simulate/us-7.nii.gz,22.8,test,\n",
        {"simulate": 1, **PREPARE_ONE, "match": 1, **DELINEATE, **SYNTHESIZE, "browse": 2},
    ),
    "training scan's age changed": (
        ",22.5,",
        ",22.6,",
        {"simulate": 1, **PREPARE_ONE, **TRAIN},
    ),
    "test MR's age changed": (
        "mr-5.nii.gz,23.1",
        "mr-5.nii.gz,23.3",
        {"simulate": 1, **PREPARE_ONE, "compare": RUNS, "illustrate": 1, **OPINIONS, **REPORT},
    ),
    "test MR taken away": (
        "mr-5,s5,mr,results/simulate/mr-5.nii.gz,23.1,test,cyst\n",
        "",
        {"compare": RUNS, "illustrate": 1, **OPINIONS, **REPORT},
    ),
    "scan moved from training to test": (
        "mr-4.dcm,23.2,train",
        "mr-4.dcm,23.2,test",
        {"extract": 1, "blend": 1, "match": 1, **DELINEATE, **TRAIN},
    ),
}
