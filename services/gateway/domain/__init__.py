"""The gateway's rules, without I/O: what may be stored, how things are found, what a change means, who may pass."""
