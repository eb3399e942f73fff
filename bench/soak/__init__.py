"""Hours of a conference day in minutes: people come and go every second, and nothing may pile up."""
