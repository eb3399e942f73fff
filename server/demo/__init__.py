"""The main job on real input: a conference held today, with a speaker and an audience."""
