"""Files -> files: what `srgan upscale` does around the network.

- `planning`: which file becomes which, settled before anything is computed
- `sources`: files, folders, patterns, lists, stdin -> pictures
- `naming`: where each result goes
- `earlier`: which inputs are results of earlier jobs
- `batch`: jobs, one after the other
- `disks`: which disk a result goes to, and whether that has room for it
- `writing`: results, written while others are computed
- `outcomes`: what came of a picture
"""
