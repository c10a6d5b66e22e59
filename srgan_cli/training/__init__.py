"""What `srgan train` does.

- `options`: what can be chosen, by the command line, TOML and a run's config.json alike
- `trainer`: stage after stage, stop and resume
- `session`: what the stages share: the networks, the pictures and the run
- `stages`: options -> what a stage minimises, and what learns in it
- `objectives`: the models that `fit` trains: a generator with a loss
- `fitting`: one fit, watched
- `losses`: pixels and VGG19 features
- `optimization`: Adam with averages, learning rates, precise batch norm
- `replicas`: several GPUs, several machines
- `data`: a folder, glob or .zip -> pictures to train on
- `batches`: pictures -> batches, made ahead in threads
- `validation`: the generator as it would be released, on fixed squares
- `runs`: the run folder
- `summaries`: TensorBoard's files
"""
