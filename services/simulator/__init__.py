"""A simulated hospital: synthetic patients, orders and radiographs, through public doors only."""
