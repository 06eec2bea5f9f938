"""The kinds of problems: what they are called, and what is done about them."""

from __future__ import annotations

from dataclasses import dataclass

from spade.doctor.checkup import Severity


@dataclass(frozen=True)
class Kind:
    """title, remedy: for people. files: what is said of the files concerned; ``{n}`` is their
    number, ``{one|many}`` goes by it.
    """

    title: str
    severity: Severity
    remedy: str
    files: str = ""


KINDS: dict[str, Kind] = {
    "nothing-usable": Kind(
        "Nothing to train on",
        "unusable",
        "give photos with label maps of the same names, or photos alone",
    ),
    "missing-labels": Kind(
        "Photos without a label map",
        "fixed",
        "left out; a label map has the name of its photo",
        "{n} {photo has|photos have} no label map of the same name",
    ),
    "missing-pictures": Kind(
        "Label maps without a photo",
        "fixed",
        "left out; a photo has the name of its label map",
        "{n} label {map has|maps have} no photo of the same name",
    ),
    "same-stem": Kind(
        "Photos of the same name",
        "fixed",
        "the first by name is taken; rename the others to keep them",
        "{n} {photo differs|photos differ} from another in the suffix alone",
    ),
    "unreadable": Kind(
        "Files that are no pictures",
        "fixed",
        "left out; save them again as PNG or JPEG",
        "{n} {file|files} can't be read",
    ),
    "truncated": Kind(
        "Damaged or cut-off pictures",
        "fixed",
        "left out; copy them again from where they came from",
        "{n} {picture ends|pictures end} too early or can't be decoded",
    ),
    "size-mismatch": Kind(
        "Label maps of another size",
        "fixed",
        "maps of the same shape are resized (nearest neighbour), others left out",
        "{n} label {map is|maps are} not as large as the photo",
    ),
    "orientation": Kind(
        "Turned photos",
        "fixed",
        "photo and label map are turned upright; pairs in doubt are left out",
        "{n} label {map lies|maps lie} turned against the photo (EXIF orientation)",
    ),
    "colour-labels": Kind(
        "Label maps in colours",
        "fixed",
        "colours become class ids",
        "{n} label {map is|maps are} stored as colours, each exactly a class's",
    ),
    "stray-colours": Kind(
        "Smoothed label maps",
        "fixed",
        "stray pixels get the class of their surroundings that they are most like",
        "{n} label {map has|maps have} colours that no class has, at borders",
    ),
    "unlisted-colours": Kind(
        "Colours of no class",
        "fixed",
        "such areas become unknown (255); add the colours to classes.json to keep them",
        "{n} label {map has|maps have} areas in colours that no class has",
    ),
    "grey-as-colour": Kind(
        "Class ids stored as colours",
        "fixed",
        "stored as 8-bit indexed PNG",
        "{n} label {map holds|maps hold} class ids three times, as red, green and blue",
    ),
    "lossy-labels": Kind(
        "Label maps with lossy compression",
        "fixed",
        "colours become the nearest classes; blurred ids can't be saved and are left out",
        "{n} label {map was|maps were} saved as JPEG or the like, which changes values",
    ),
    "label-formats": Kind(
        "Label maps that are no PNG",
        "fixed",
        "stored as 8-bit indexed PNG",
        "{n} label {map is|maps are} in a format other than PNG",
    ),
    "deep-labels": Kind(
        "Label maps of 16 bits",
        "fixed",
        "stored as 8-bit indexed PNG",
        "{n} label {map has|maps have} 16 or more bits a pixel",
    ),
    "shallow-labels": Kind(
        "Label maps of few bits",
        "fixed",
        "stored as 8-bit indexed PNG",
        "{n} grey label {map has|maps have} under 8 bits a pixel, which readers stretch",
    ),
    "alpha-labels": Kind(
        "Label maps with transparency",
        "fixed",
        "stored without it; what is less than half opaque becomes unknown (255)",
        "{n} label {map has|maps have} an alpha channel",
    ),
    "interlaced-labels": Kind(
        "Interlaced label maps",
        "fixed",
        "stored as 8-bit indexed PNG, not interlaced",
        "{n} label {map is|maps are} interlaced, which some readers get wrong",
    ),
    "binary-masks": Kind(
        "Black and white masks",
        "fixed",
        "0 and 255 become two classes; masks among maps of more classes are left out",
        "{n} label {map holds|maps hold} only 0 and 255",
    ),
    "off-by-one": Kind(
        "Class ids that count from 1",
        "fixed",
        "1 is taken off every id, and 0 becomes unknown (255)",
    ),
    "ids-beyond": Kind(
        "Ids beyond the list of classes",
        "fixed",
        "they become unknown (255); add the classes to classes.json to keep them",
    ),
    "unused-ids": Kind(
        "Classes that are never used",
        "fixed",
        "dropped from the palette; the other classes are numbered through",
    ),
    "no-class-list": Kind(
        "No list of classes",
        "fixed",
        'classes.json is written with names such as "class 3"; rename them there',
    ),
    "too-many-classes": Kind(
        "Too many classes",
        "explained",
        "merge classes before training",
    ),
    "duplicates": Kind(
        "Photos held out and trained on",
        "fixed",
        "taken out of the validation set, whose figures they would flatter",
        "{n} validation {photo is|photos are} also trained on",
    ),
    "tiny-pictures": Kind(
        "Tiny photos",
        "fixed",
        "left out: enlarged, they would teach blur",
        "{n} {photo's|photos'} shorter side is below",
    ),
    "unsafe-names": Kind(
        "Names that lead out of the zip",
        "fixed",
        "never read or written",
    ),
    "rare-classes": Kind(
        "Rare classes",
        "explained",
        "merge them into others, or add pictures that show them",
    ),
    "much-unknown": Kind(
        "Much is unknown",
        "explained",
        "name more of these, or leave them out; training fills unknown by its own idea",
    ),
    "repeated-photos": Kind(
        "The same photo more than once",
        "explained",
        "they count as often in training; remove them if that is not meant",
        "{n} {photo is|photos are} there more than once",
    ),
    "grey-photos": Kind(
        "Grey photos",
        "explained",
        "leave them out unless the model is to paint in grey too",
        "{n} {photo has|photos have} no colour",
    ),
    "outlines": Kind(
        "Outlines instead of label maps",
        "explained",
        "export them as label maps (labelme2voc; CVAT: segmentation mask) and check again",
    ),
    "too-few": Kind(
        "Too few pictures",
        "explained",
        "add pictures, or fine-tune a model that is there",
    ),
}
