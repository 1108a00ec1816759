"""What runs in the agent's sandbox: standard library only, any python3 from 3.8 on, nothing beside it."""
