"""Whether this machine can do the work: checks that change nothing and each say what to do."""
