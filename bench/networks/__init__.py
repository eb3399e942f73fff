"""What a viewer gets on bad networks: `python -m bench.networks`."""
