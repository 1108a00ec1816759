"""From what runs did to what may answer: actions, aligned code, candidates."""
