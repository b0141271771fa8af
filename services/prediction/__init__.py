"""Prediction: owns what is known of a patient's laboratory values, and says what published equations make of them."""
