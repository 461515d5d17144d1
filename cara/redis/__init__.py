"""Redis: connections, subscriptions, the queue, and the roll-up notifier."""
