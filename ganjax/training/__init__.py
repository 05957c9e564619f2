"""How a run is trained: the loop, its folder, signals, and other processes."""
