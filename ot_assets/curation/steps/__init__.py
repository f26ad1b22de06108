"""The steps by which a part of a recipe cuts its pool down, one module a kind; ``context`` has their contract."""
