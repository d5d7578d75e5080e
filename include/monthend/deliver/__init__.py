"""Deliver: a released pack leaves by e-mail, at most once a recipient, and a ledger says what became of it."""

from monthend.deliver.ledger import arm, outcomes
from monthend.deliver.send import Sent, deliver
from monthend.deliver.settings import Settings, settings_from_environment

__all__ = ["Sent", "Settings", "arm", "deliver", "outcomes", "settings_from_environment"]
