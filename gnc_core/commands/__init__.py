"""The commands of `python -m gnc_core`, one file each; `options` holds what they share."""
