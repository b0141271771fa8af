"""What prediction knows and decides: units, inputs, what each method needs and what it may say."""
