"""Pixels -> pixels four times as large.

- `upscaler`: a picture -> its enlargement: models, strength, transparency, sizes
- `enlarging`: planes of any size, window by window as memory allows
- `tiling`: patches, halos, windows
- `inference`: a fused generator as it is run: checked, self-ensemble, back-projection
- `fusion`: a trained generator -> the same function, faster
- `projection`: SR -> SR that reduces to LR: back-projection
- `overlay`: what lies over a scan and is no part of it: labels and padding
- `solid`: what a network must leave as it is
- `sizes`: how large a result is to be
- `memory`: what a picture takes in memory, and what there is
"""
