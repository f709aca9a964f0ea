"""The commands of `python -m gnc_core`, one file each; `options` and `photographs` hold what they share."""
