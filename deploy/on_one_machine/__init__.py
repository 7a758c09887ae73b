"""The production form on one machine: what the chart runs as pods, as processes."""
