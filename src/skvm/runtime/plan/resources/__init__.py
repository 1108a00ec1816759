"""What plans that run share: places on the machine and at providers, things there is one of, fair turns."""

from skvm.runtime.plan.resources.commons import Commons, RunShare, Standing

__all__ = ["Commons", "RunShare", "Standing"]
