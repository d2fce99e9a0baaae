"""What runs aside, in a process of its own: the lines to it, and the end that answers.

It knows processes, sockets and what travels between them; what is asked, and of what outside thing, is for the rooms
that ask. A process and no thread: a thread that waits for the disk takes the interpreter's lock from the event loop
each time it comes back, and in a crowd of small slices that costs more than all the rest.
"""
