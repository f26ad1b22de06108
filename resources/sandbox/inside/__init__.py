"""What runs inside the sandbox: the server that forks a guarded process a test, and what that process does.

This folder, and nothing else of the project, is bound into the sandbox. Its modules use the standard library only,
import nothing of the project outside this folder, and hold nothing that a tested program must not see: it can read
all of this.
"""
