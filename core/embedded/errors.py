"""What can go wrong, said in French: these messages end on the screen of whoever typed the command."""


class EmbeddedError(RuntimeError):
    """An embedded server could not be found, prepared, started or stopped."""


class AlreadyRunning(EmbeddedError):
    """Another process already runs the servers of this data directory; `pid` is that process."""

    def __init__(self, data_dir: str, pid: int) -> None:
        super().__init__(
            f"Guichet tourne déjà sur {data_dir} (processus {pid}). "
            f"Arrêtez-le d'abord (Ctrl-C dans son terminal, ou « kill {pid} »)."
        )
        self.pid = pid
