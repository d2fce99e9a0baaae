"""Several nodes of one service: any of them serves any request, and any of them may die."""
