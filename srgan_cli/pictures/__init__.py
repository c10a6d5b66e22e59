"""Pictures outside the network: decoding, encoding, metadata, tones and transparency. No Keras.

- `picture`: a decoded picture, and the network's numbers of it
- `images`: files <-> pictures
- `frames`: files of several frames or pages <-> pictures, one after the other
- `opening`: a file -> an opened picture, or what is wrong with it
- `pillow`: what Pillow is taught and told before it opens files
- `formats`: what each file format can hold
- `modes`: Pillow's colour modes -> grey or RGB
- `sixteen`: 16 bits a channel, where Pillow has 8, and TIFFs that it has not
- `readapng`: an animated PNG -> its frames, each by itself
- `readgif`: a GIF -> its frames, each by itself
- `canvas`: frames, drawn one over the other as browsers do
- `metadata`: what a file says beside its pixels, made true of the result
- `exif`: EXIF, changed in place
- `encoding`: pixels and metadata -> bytes
- `animation`: frames that are shown after one another -> bytes
- `writegif`: frames -> GIF: palettes, transparency, durations
- `finish`: backgrounds and stripping
- `alpha`: what the network needs under transparency, and what is seen through it
- `tones`: which of 16 bits' codes a network is shown as black and as white
- `neighbours`: what is around each pixel, and which pixels it becomes
"""
