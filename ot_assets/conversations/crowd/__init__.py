"""The web page on which a small team contributes: tasks handed out by the protocol, answers taken as events."""
