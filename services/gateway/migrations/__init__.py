"""What the gateway's database went through."""
