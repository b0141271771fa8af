"""`hub demo`: a hub and a simulated hospital on this machine, shown step by step, from announcement to delivery."""
