"""Whose fault an error of the system is: what was asked, or the machine's. No jax."""

import errno

from ganjax.config.experiment import ConfigError

# A path that was given is no such thing, or may not be used: so the next try finds it.
# All others, such as a full disk, a file server that went away or too many open files,
# may pass, or be of this machine alone.
_ASKED = frozenset(
    {
        *(errno.EACCES, errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ELOOP),
        *(errno.ENAMETOOLONG, errno.ENOENT, errno.ENOSYS, errno.ENOTDIR),
        *(errno.ENOTEMPTY, errno.EOPNOTSUPP, errno.EPERM, errno.EROFS, errno.EXDEV),
    }
)


class MachineError(OSError):
    """The machine failed at what it was asked for, said in one line.

    The same command may work later, or elsewhere.
    """


def is_of_machine(error: object) -> bool:
    """Whether an error is the machine's; one without a number is not."""
    if isinstance(error, MachineError):
        return True
    return isinstance(error, OSError) and error.errno not in {None, *_ASKED}


def blame(error: Exception, line: str) -> ConfigError | MachineError:
    """What the user is told of an error, by a line."""
    return MachineError(line) if is_of_machine(error) else ConfigError(line)
