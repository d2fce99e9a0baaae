"""Services for people: who may do what. It imports core only."""
