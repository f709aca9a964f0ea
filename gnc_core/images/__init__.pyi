from .encoding import PLAIN, Encoding, Photo
from .limits import MAX_PIXELS
from .patches import crop_center, random_patches, shrink, to_float
from .reading import (
    SUFFIXES,
    check_mask,
    compact,
    image_files,
    load_images,
    read,
    read_image,
    read_mask,
    read_measurement,
)
from .samples import load_sample, sample_images
from .writing import WRITABLE, check_fits, check_output, encode, to_png, write, write_image, written_bits

__all__ = [
    "MAX_PIXELS",
    "PLAIN",
    "SUFFIXES",
    "WRITABLE",
    "Encoding",
    "Photo",
    "check_fits",
    "check_mask",
    "check_output",
    "compact",
    "crop_center",
    "encode",
    "image_files",
    "load_images",
    "load_sample",
    "random_patches",
    "read",
    "read_image",
    "read_mask",
    "read_measurement",
    "sample_images",
    "shrink",
    "to_float",
    "to_png",
    "write",
    "write_image",
    "written_bits",
]
