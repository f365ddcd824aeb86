ruleorder: prepare > extract > align > crop


rule prepare:
    """Crop, align and extract a 2D plane by one process: starting three costs more than their work.

    The rules below are for volumes; for these, `flat` names an input that does not exist.
    """
    input:
        image=flat("image"),
        mask=file("mask"),
        parts=parts("image", "mask"),
        template=template,
        template_labels="results/template/labels.nii.gz",
        transform=file("transform"),
    output:
        cropped="results/crop/{volume}.nii.gz",
        mask="results/crop/{volume}_mask.nii.gz",
        image="results/align/{volume}.nii.gz",
        transform="results/align/{volume}.tfm",
        quality="results/align/{volume}.json",
        picture=report(
            "results/align/{volume}.png",
            category="Alignment",
            labels={"volume": "{volume}"},
        ),
        slices="results/extract/{volume}.h5",
    log:
        "logs/prepare/{volume}.log",
    benchmark:
        "results/benchmark/prepare/{volume}.tsv"
    wildcard_constraints:
        volume=FLAT,
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(1500, by=image_mb),
        runtime=grow(2),
    params:
        crop_row=columns(CropRow),
        align_row=columns(AlignRow),
        extract_row=columns(ExtractRow),
        crop=settings("crop"),
        align=settings("align"),
        extract=settings("extract"),
        code=fingerprint(
            "ssus2mri.prepare.crop",
            "ssus2mri.prepare.align",
            "ssus2mri.prepare.extract",
        ),
    shell:
        "ssus2mri crop --row={params.crop_row:q} --mask={input.mask:q} --out={output.cropped}"
        " --out-mask={output.mask} --settings={params.crop:q} -- {input.image:q}"
        " --then align {output.cropped} --row={params.align_row:q} --mask={output.mask}"
        " --template={input.template} --template-labels={input.template_labels}"
        " --transform={input.transform:q} --out={output.image} --settings={params.align:q}"
        " --then extract {output.image} --row={params.extract_row:q} --mask={output.mask}"
        " --transform={output.transform} --out={output.slices} --settings={params.extract:q} &> {log}"


rule crop:
    """Cut an image to the head, and say where the head is."""
    input:
        image=file("image"),
        mask=file("mask"),
        parts=parts("image", "mask"),
    output:
        image="results/crop/{volume}.nii.gz",
        mask="results/crop/{volume}_mask.nii.gz",
    log:
        "logs/crop/{volume}.log",
    benchmark:
        "results/benchmark/crop/{volume}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(1500, by=image_mb),
        runtime=grow(10),
    params:
        row=columns(CropRow),
        settings=settings("crop"),
        code=fingerprint("ssus2mri.prepare.crop"),
    shell:
        "ssus2mri crop --row={params.row:q} --mask={input.mask:q} --out={output.image}"
        " --out-mask={output.mask} --settings={params.settings:q} -- {input.image:q} &> {log}"


rule align:
    """Bring a cropped image to atlas space, with a quality file and a picture for the eye."""
    input:
        image="results/crop/{volume}.nii.gz",
        mask="results/crop/{volume}_mask.nii.gz",
        template=template,
        template_labels="results/template/labels.nii.gz",
        transform=file("transform"),
    output:
        image="results/align/{volume}.nii.gz",
        transform="results/align/{volume}.tfm",
        quality="results/align/{volume}.json",
        picture=report(
            "results/align/{volume}.png",
            category="Alignment",
            labels={"volume": "{volume}"},
        ),
    log:
        "logs/align/{volume}.log",
    benchmark:
        "results/benchmark/align/{volume}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(2500, by=image_mb),
        runtime=grow(30),
    params:
        row=columns(AlignRow),
        settings=settings("align"),
        code=fingerprint("ssus2mri.prepare.align"),
    shell:
        "ssus2mri align {input.image} --row={params.row:q} --mask={input.mask}"
        " --template={input.template} --template-labels={input.template_labels}"
        " --transform={input.transform:q} --out={output.image} --settings={params.settings:q} &> {log}"


rule extract:
    """Slice an aligned image and scale its intensities."""
    input:
        image="results/align/{volume}.nii.gz",
        mask="results/crop/{volume}_mask.nii.gz",
        transform="results/align/{volume}.tfm",
        quality="results/align/{volume}.json",
        labels=beside("labels"),
        truth=beside("truth"),
        parts=parts("labels"),
    output:
        slices="results/extract/{volume}.h5",
    log:
        "logs/extract/{volume}.log",
    benchmark:
        "results/benchmark/extract/{volume}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(1500),
        runtime=grow(10),
    params:
        row=columns(ExtractRow),
        settings=settings("extract"),
        code=fingerprint("ssus2mri.prepare.extract"),
    shell:
        "ssus2mri extract {input.image} --row={params.row:q} --mask={input.mask}"
        " --transform={input.transform} --labels={input.labels:q} --truth={input.truth:q}"
        " --out={output.slices} --settings={params.settings:q} &> {log}"


rule blend:
    """Average training MR in the shape of the atlas; only where a run learns from matched MR."""
    input:
        images=expand("results/align/{volume}.nii.gz", volume=BLENDED),
        masks=expand("results/crop/{volume}_mask.nii.gz", volume=BLENDED),
        transforms=expand("results/align/{volume}.tfm", volume=BLENDED),
        template="results/template/mr.nii.gz",
    output:
        image="results/blend/mr.nii.gz",
    log:
        "logs/blend/mr.log",
    benchmark:
        "results/benchmark/blend/mr.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(4000),
        runtime=grow(60 + 2 * len(BLENDED)),
    params:
        images=listing("images"),
        masks=listing("masks"),
        transforms=listing("transforms"),
        extract=settings("extract"),
        settings=settings("match"),
        code=fingerprint("ssus2mri.prepare.blend"),
    shell:
        "ssus2mri blend {params.images} --masks={params.masks} --transforms={params.transforms}"
        " --template={input.template} --out={output.image}"
        " --extract={params.extract:q} --settings={params.settings:q} &> {log}"


rule match:
    """Deform training MR onto the head of an ultrasound, with a picture for the eye."""
    input:
        image="results/align/{volume}.nii.gz",
        mask="results/crop/{volume}_mask.nii.gz",
        transform="results/align/{volume}.tfm",
        extract="results/extract/{volume}.h5",
        views=expand("results/view/{side}.nii.gz", side=SIDES),
        template_head="results/template/head.nii.gz",
        template_labels="results/template/labels.nii.gz",
        blend="results/blend/mr.nii.gz",
    output:
        slices="results/match/{volume}.h5",
        picture="results/match/{volume}.png",
    log:
        "logs/match/{volume}.log",
    benchmark:
        "results/benchmark/match/{volume}.tsv"
    priority: FIRST
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=grow(60),
    params:
        row=columns(MatchRow),
        settings=settings("match"),
        code=fingerprint("ssus2mri.prepare.match"),
    shell:
        "ssus2mri match {input.image} --mask={input.mask} --transform={input.transform}"
        " --extract={input.extract} --views='{input.views}'"
        " --template-head={input.template_head} --template-labels={input.template_labels}"
        " --blend={input.blend} --row={params.row:q} --out={output.slices}"
        " --settings={params.settings:q} &> {log}"
