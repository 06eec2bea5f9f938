"""From photos to a DATA folder that a generator is trained on. No torch here."""
