"""What a careful reader of an example skill does, without a model: from the prompt and the fixtures alone.

Each solver can be given one slip, a mistake that agents make.
"""
