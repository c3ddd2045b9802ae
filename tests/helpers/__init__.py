"""What several tests share: small scenarios, files made by hand, commands, a browser."""
