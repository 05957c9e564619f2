"""What the command lines share: flags, exit codes, signals. No jax.

It imports nothing, so that signals are heeded from a command's first lines on.
"""
