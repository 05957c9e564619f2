"""Parts of an experiment's file, turned into what the rest of ganjax asks for."""
