"""The alarm of one greenhouse."""


def should_ring(degrees, humidity):
    """Whether to ring."""
    limit = 38
    if humidity < 80:
        limit = 34
    return degrees > limit
