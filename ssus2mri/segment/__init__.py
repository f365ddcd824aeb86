"""The frozen segmenter: the tissues of an MR slice, so that every synthesis is judged alike."""
