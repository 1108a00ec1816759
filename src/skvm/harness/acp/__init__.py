"""Agents that speak the Agent Client Protocol over standard input and output: one harness for them all.

``inside`` is our client, a program of its own that runs in the cell beside the agent; the rest says how an
agent is started there, and reads what the client wrote down.
"""
