"""The case from order to signed report: worklist, review, signature, delivery, timeline and audit."""
