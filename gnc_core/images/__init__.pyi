from .limits import MAX_PIXELS
from .patches import crop_center, random_patches, shrink, to_float
from .reading import SUFFIXES, check_mask, compact, image_files, load_images, read_image, read_mask
from .samples import load_sample, sample_images
from .writing import check_output, to_png, write_image

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "check_mask",
    "check_output",
    "compact",
    "crop_center",
    "image_files",
    "load_images",
    "load_sample",
    "random_patches",
    "read_image",
    "read_mask",
    "sample_images",
    "shrink",
    "to_float",
    "to_png",
    "write_image",
]
