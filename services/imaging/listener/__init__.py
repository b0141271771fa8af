"""DIMSE in: the listener to which modalities and archives send by C-STORE (`python -m services.imaging.listener`).

Negotiation is pynetdicom's; the bytes of a data set go from the socket to the disk without being held or changed.
Sources: DICOM PS3.7 (messages), PS3.8 (upper layer), PS3.4 annexes B (storage) and J (storage commitment).
"""
