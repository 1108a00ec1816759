"""The alarm of one greenhouse."""


def should_ring(degrees, humidity):
    """Whether to ring."""
    if degrees > 38:
        return True
    if degrees > 34 and humidity < 80:
        return True
    return False
