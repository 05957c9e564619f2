"""Games: who plays whom, and what there is to see of it."""
