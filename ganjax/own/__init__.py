"""What an experiment's file has as parts, made what the rest of ganjax asks for."""
