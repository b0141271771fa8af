"""The rules of imaging, pure: when a study is complete, whose it is, what may be read, what an answer means."""
