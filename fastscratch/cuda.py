"""What programs written for PyTorch ask before they decide to run on the CPU."""


def is_available() -> bool:
    """False: everything runs on the CPU."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing to seed."""
