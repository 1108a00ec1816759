#!/bin/bash
# pytest is not in the image.
pip install --quiet pytest==8.4.1
mkdir -p /logs/verifier
pytest /tests/test_outputs.py -rA
if [ $? -eq 0 ]; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
