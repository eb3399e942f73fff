"""Several nodes: what they tell one another through Redis. Nothing durable is in Redis: that is the journal's."""
