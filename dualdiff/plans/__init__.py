"""Short programs: notes of what they did, graphs of such notes, derivatives of graphs, code made of these."""
