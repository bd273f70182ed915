"""What search decides: what a text asks for, what was probably meant, which filters an address holds. Pure."""
