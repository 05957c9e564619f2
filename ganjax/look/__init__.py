"""How a state is looked at: measured, drawn, sampled."""
