"""What a corpus of skills holds, found by the same analysis a compile stands on."""
