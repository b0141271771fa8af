"""The equations, each on whole columns of patients at once: torch, float64, on the CPU."""
