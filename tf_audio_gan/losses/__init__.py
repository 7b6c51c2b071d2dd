"""Losses: functions of discriminator outputs and audio."""
