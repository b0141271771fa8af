"""Imaging: owns the pixels; DICOM comes in, findings go out."""
