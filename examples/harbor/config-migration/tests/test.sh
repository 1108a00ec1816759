#!/bin/bash
mkdir -p /logs/verifier
python3 /tests/test_outputs.py > /logs/verifier/checks.txt
cat /logs/verifier/checks.txt
tail -n 1 /logs/verifier/checks.txt > /logs/verifier/reward.txt
