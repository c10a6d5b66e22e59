"""What people and scripts see of a command.

- `console`: progress, lines, errors
- `boundary`: errors and signals -> exit codes
- `parameters`: an options class -> the options of a command
- `account`: what is told of each picture, to people or as JSON
- `scorebook`: what is told and written of an evaluation
"""
