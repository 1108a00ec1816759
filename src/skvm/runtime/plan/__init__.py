"""Plans that run: a skill's steps as a graph, dispatched as soon as what they need is there."""
