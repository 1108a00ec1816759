"""What plans that run share: places on the machine and at providers, things there is one of, fair turns."""
