"""Redis: connections, subscriptions, the queue, and what works on without Redis."""
