"""Order of steps, on real files and a real catalogue, with crashes between any two of them."""
