"""DICOM files: headers, pixels, and the instances that the hub derives."""
