"""What changes second factors: `codes` (apps and recovery codes), `passkeys`, and what both need (`common`)."""
