"""What training reads: the files of a DATA folder, crops of them, and how they are varied."""
