"""Engines that answer requests, and `ask`, which answers them through the response store. See request, reply, model,
engine, ask.
"""
