"""What tests need and users do not: MP3s made on the spot, servers that can be killed, clients."""
