"""Appointments: schedules and their slots, holds and bookings, and the follow-up proposed for an accepted finding."""
