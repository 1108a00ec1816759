"""Our side of the Agent Client Protocol: a program that runs in the cell, beside the agent.

It stands on the standard library and the protocol's SDK, and imports nothing else of us: a cell sees this
package alone.
"""
