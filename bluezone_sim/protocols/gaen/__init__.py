"""Exposure Notification (Apple and Google)."""
